//! Texts that other programs send, made fit to be shown.

/// Bytes of a host's text that are passed on to others.
pub const TEXT_BYTES: usize = 512;

/// A text from another program as one line of at most so many bytes. Each character that
/// [`is_hidden`] becomes a space.
pub fn line(text: &str, bytes: usize) -> String {
    let mut line = String::new();
    for c in text.chars() {
        let c = if is_hidden(c) { ' ' } else { c };
        if line.len() + c.len_utf8() > bytes {
            break;
        }
        line.push(c);
    }
    line
}

/// Whether a character is a control character, ends a line, changes the direction of the text after
/// it, or is not shown, so that two texts may look the same and differ in it.
pub fn is_hidden(c: char) -> bool {
    let is_invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    c.is_control() || is_invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_within_its_bound() {
        assert_eq!(line("a\tb\r\nc\u{1b}[31m\u{2028}\u{7f}\0ü", 99), "a b  c [31m   ü");
        assert_eq!(line("üüü", 5), "üü");
        assert_eq!(line(&"x".repeat(9999), TEXT_BYTES).len(), TEXT_BYTES);
    }
}
