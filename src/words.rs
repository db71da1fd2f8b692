//! Texts looked into, without the tables of Unicode: those of the standard library are as large as a tenth of the
//! component.

/// A text in lower case, to be compared: the letters of the Latin, Greek and Cyrillic scripts, others as they are.
pub(crate) fn fold(text: &str) -> String {
    text.chars().map(lower).collect()
}

fn lower(letter: char) -> char {
    let code = u32::from(letter);
    let lower = match letter {
        'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ' | 'Α'..='Ρ' | 'Σ'..='Ϋ' | 'А'..='Я' => {
            code + 32
        }
        'Ѐ'..='Џ' => code + 80,
        'Ĳ'..='Ķ' | 'Ŋ'..='Ŷ' | 'Ā'..='Į' | 'Ѡ'..='Ҁ' | 'Ҋ'..='ҿ' | 'Ḁ'..='ẕ' | 'Ạ'..='ỿ' => {
            code | 1
        }
        'Ĺ'..='Ň' | 'Ź'..='Ž' => code + (code & 1),
        'Ÿ' => 0xff,
        'Ά' => 0x3ac,
        'Έ'..='Ί' => code + 37,
        'Ό' => 0x3cc,
        'Ύ' | 'Ώ' => code + 63,
        _ => return letter,
    };
    char::from_u32(lower).unwrap_or(letter)
}

/// Whether a character may be part of a word: a letter or digit of ASCII, or anything beyond it but punctuation,
/// symbols and white space.
pub(crate) fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric()
        || matches!(letter, 'À'..='\u{167f}' | '\u{1681}'..='\u{1fff}' | '\u{2c00}'..='\u{2dff}' | '\u{3040}'..='\u{fdff}')
}

/// Whether a character is one of these.
pub(crate) fn is_any(letter: char, letters: &str) -> bool {
    letters.chars().any(|known| known == letter)
}

/// Where `part` stands in `text` first.
pub(crate) fn find(text: &str, part: &str) -> Option<usize> {
    text.as_bytes().windows(part.len().max(1)).position(|window| window == part.as_bytes())
}

/// Whether `part` stands in `text`.
pub(crate) fn has(text: &str, part: &str) -> bool {
    find(text, part).is_some()
}

/// The beginning of a text that may be of any length: at most so many bytes, ending with a character.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(fold(text), expected);
    }

    #[test]
    fn letters_of_three_scripts_are_folded_as_unicode_folds_them() {
        for letter in ('\0'..='\u{4ff}').chain('\u{1e00}'..='\u{1eff}') {
            let unicode = letter.to_lowercase().to_string();
            let folded = lower(letter).to_string();
            assert!(
                folded == unicode || folded == letter.to_string(),
                "{letter} {folded} {unicode}"
            );
        }
        check("JÖRG@GRÖßE.DE", "jörg@größe.de");
        check("ŁÓDŹ ŽIŽKA ÅŞĞİ", "łódź žižka åşğİ");
        check("ΑΘΉΝΑ ΏΡΑ", "αθήνα ώρα");
        check("ЩУКА ЁЖ ЇЖАК", "щука ёж їжак");
        check("漢字 123 ×÷", "漢字 123 ×÷");
    }

    #[test]
    fn a_part_is_found_where_it_stands() {
        assert_eq!(find("a token", "token"), Some(2));
        assert_eq!(find("tok", "token"), None);
        assert_eq!((find("", "x"), find("", "")), (None, None));
        assert!(has("é ü", "ü") && !has("é", "e"));
    }

    #[test]
    fn punctuation_of_any_script_is_no_part_of_a_word() {
        for letter in "azAZ09éßжΩ漢字あ한ệ".chars() {
            assert!(is_letter(letter), "{letter}");
        }
        for letter in " .-_@“”„«»…—、。\u{a0}\u{2003}\u{3000}€→".chars() {
            assert!(!is_letter(letter), "{letter}");
        }
    }

    #[test]
    fn a_text_is_cut_at_a_character() {
        assert_eq!((cut("aéb", 2), cut("aéb", 3), cut("a", 9)), ("a", "aé", "a"));
    }
}
