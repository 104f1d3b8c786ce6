//! Texts of others, as they may be shown.

/// A text without what a terminal would obey and what makes it read as another one; U+FFFD stands for each.
pub fn plain(text: &str) -> String {
    text.replace(is_obeyed, "\u{FFFD}")
}

/// Control characters, and what turns the direction of writing around, so that a text reads as another one.
pub fn is_obeyed(character: char) -> bool {
    let is_direction = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || is_direction
}
