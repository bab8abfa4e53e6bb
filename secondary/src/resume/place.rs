//! Which part of the file is read from a place on.

use super::candidate::Candidate;
use super::{Rest, Resumed};
use crate::read::{Engine, ReadFailure};
use backscroll_shared::scan::Window;
use backscroll_shared::wire::cursor::{Direction, Place};

impl<E: Engine> Candidate<E> {
    /// Goes on at the place, which is in this file. `reach`: how many bytes of what has been delivered
    /// a match may reach into.
    /// None if the place is too far within a line.
    pub(super) async fn resume(
        mut self,
        direction: Direction,
        place: &Place,
        reach: u64,
    ) -> Result<Option<Resumed>, ReadFailure> {
        let size = self.log.opened.size;
        let (window, settled, end, newer) = match direction {
            Direction::Older => {
                // The place of a line of which an excerpt was delivered lies within it. At the end of
                // what is paged nothing was delivered, even of a last line that has no end.
                let is_line = place.offset == place.end || self.is_line(place.offset).await?;
                let settled =
                    if is_line { Some(place.offset) } else { self.line_start(place.offset).await? };
                let Some(settled) = settled else { return Ok(None) };
                let anchor = self.anchor_before(place.end).await?;
                let file = self.head.identity(self.log.device, self.log.inode);
                let window = Window { start: place.floor.min(settled), end: place.end.min(settled + reach) };
                (window, settled, place.end, Some(Place::newer(file, place.end, anchor)))
            }
            Direction::Newer => {
                let Some(start) = self.newer_start(place.offset).await? else { return Ok(None) };
                (Window { start, end: size }, size, size, None)
            }
        };
        let Candidate { log, head, .. } = self;
        let from = Some((settled, place.anchor));
        Ok(Some(Resumed { log, head, rest: Rest { window, settled, end, newer, leads_on: false, from } }))
    }

    /// Where newer records begin. A last line that had no line feed at `offset` has got one since, or
    /// it has grown and comes again as a whole.
    async fn newer_start(&mut self, offset: u64) -> Result<Option<u64>, ReadFailure> {
        if offset == self.log.opened.size || self.is_line(offset).await? {
            Ok(Some(offset))
        } else if self.has_feed(offset).await? {
            Ok(Some(offset + 1))
        } else {
            self.line_start(offset).await
        }
    }
}
