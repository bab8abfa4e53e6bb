//! The token file: whatever it holds, it is taken or refused in one line, and the same way each time.

#![no_main]

use backscroll_shared::auth::reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let mut read = reader();
    match read(&[file.to_vec()]) {
        // The text of a file is none of the tokens that it is about.
        Ok(tokens) => {
            assert!(tokens.find(file).is_none());
            assert!(read(&[file.to_vec()]).is_ok(), "what was taken once is taken again");
        }
        Err(why) => {
            assert!(!why.contains('\n') && !why.is_empty(), "{why:?}");
            assert_eq!(read(&[file.to_vec()]).err(), Some(why));
        }
    }
});
