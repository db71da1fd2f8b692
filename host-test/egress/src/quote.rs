//! How text from outside is quoted in a message: in quotation marks, escaped, cut at 120
//! characters, so that a plugin can neither forge a second line in a log nor fill it.

const LONGEST: usize = 120;

pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for (index, character) in text.chars().enumerate() {
        if index == LONGEST {
            quoted.push('…');
            break;
        }
        quoted.extend(character.escape_debug());
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_one_short_line() {
        assert_eq!(quote("a\r\nb\u{1b}\""), r#""a\r\nb\u{1b}\"""#);
        assert_eq!(quote(&"x".repeat(500)).chars().count(), 123);
    }
}
