//! What may be kept of a vendor's words.

/// What is left of a vendor's error text: no addresses, no quoted values, no long numbers, nothing that
/// holds the key, at most 120 characters. Words that begin with `own` are names of ours, and stay; empty where
/// there are none.
pub(crate) fn redact(message: &str, key: &str, own: &str) -> String {
    let key = key.trim().to_lowercase();
    if key.contains(char::is_whitespace) && message.to_lowercase().contains(&key) {
        return "[…]".to_owned();
    }
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).count();
    let hides = |word: &str| {
        let word_alone = word.trim_matches(|c: char| !c.is_alphanumeric());
        let ours = !own.is_empty() && word_alone.starts_with(own);
        let lower = word.to_lowercase();
        (!key.is_empty() && lower.contains(&key))
            || lower.contains('@')
            || lower.contains('%')
            || (!ours && digits(word) > 4)
    };
    let plain = without_quotes(message, own);
    let words: Vec<&str> = plain.split_whitespace().map(|word| if hides(word) { "[…]" } else { word }).collect();
    cut(&words.join(" "), 120).to_owned()
}

/// Replaces what stands in quotes, except names of ours.
fn without_quotes(message: &str, own: &str) -> String {
    let mut kept = String::new();
    let mut before = ' ';
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let opens = matches!(first, '"' | '\'' | '`' | '“') && !before.is_alphanumeric();
        let closing = if first == '“' { '”' } else { first };
        if opens {
            let (inner, behind) = after.split_once(closing).unwrap_or((after, ""));
            let ours = !own.is_empty()
                && inner.starts_with(own)
                && inner.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            kept.push_str(if ours { inner } else { "[…]" });
            (before, rest) = (closing, behind);
        } else {
            kept.push(first);
            (before, rest) = (first, after);
        }
    }
    kept
}

pub(crate) fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}
