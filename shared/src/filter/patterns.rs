//! Conditions, and what they are compiled to once that is done.

use super::compiled::Compiled;
use super::compiler;
use super::conditions::Conditions;
use super::error::PatternError;
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

/// Conditions of every kind. They are compiled once, before the first search. Two of them are equal
/// if they ask for the same.
#[derive(Debug, Clone)]
pub struct Patterns {
    conditions: Arc<Conditions>,
    compiled: OnceLock<Arc<Compiled>>,
}

/// KiB of the compiled patterns of all requests of a server together. A request holds them until its
/// client has read the answer.
const ALL_KIB: usize = 32 << 10;

/// The memory for the compiled patterns of all requests.
fn memory() -> &'static Arc<Semaphore> {
    static MEMORY: OnceLock<Arc<Semaphore>> = OnceLock::new();
    MEMORY.get_or_init(|| Arc::new(Semaphore::new(ALL_KIB)))
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Patterns) -> bool {
        self.conditions == other.conditions
    }
}

impl Eq for Patterns {}

/// Why conditions were not compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// One of the patterns is wrong.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Too many others wait for the same, or hold compiled patterns.
    #[error("too many patterns are in use: ask again")]
    Busy,
}

impl Patterns {
    pub(super) fn new(conditions: Conditions) -> Patterns {
        Patterns { conditions: Arc::new(conditions), compiled: OnceLock::new() }
    }

    /// What is asked for.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Compiles the conditions: here where that is quick, and else on a thread that does nothing
    /// else, so that the caller's thread goes on.
    pub(super) async fn compile(&self) -> Result<(), CompileError> {
        if self.compiled.get().is_some() {
            return Ok(());
        }
        let mut compiled = self.compile_aside().await?;
        let kib = u32::try_from(compiled.size().div_ceil(1 << 10)).map_err(|_| CompileError::Busy)?;
        compiled.share =
            Some(Arc::clone(memory()).try_acquire_many_owned(kib).map_err(|_| CompileError::Busy)?);
        self.compiled.get_or_init(|| Arc::new(compiled));
        Ok(())
    }

    /// Compiles them to see whether that can be done.
    pub(super) async fn check(&self) -> Result<(), CompileError> {
        self.compile_aside().await.map(drop)
    }

    async fn compile_aside(&self) -> Result<Compiled, CompileError> {
        if compiler::is_quick(&self.conditions) {
            Ok(Compiled::new(&self.conditions)?)
        } else {
            compiler::compile(&self.conditions).await
        }
    }

    /// Compiles them on this thread.
    pub(super) fn compile_here(&self) -> Result<(), PatternError> {
        let compiled = Compiled::new(&self.conditions)?;
        self.compiled.get_or_init(|| Arc::new(compiled));
        Ok(())
    }

    /// # Panics
    /// If they were not compiled.
    pub(crate) fn compiled(&self) -> Arc<Compiled> {
        Arc::clone(self.compiled.get().expect("conditions are compiled before the search"))
    }
}
