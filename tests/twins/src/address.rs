//! What vendors take for an e-mail address.

pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let plain = |part: &str| !part.is_empty() && !part.contains(['@', ';', ',', '<', '>']);
    plain(local)
        && plain(domain)
        && !text.contains(char::is_whitespace)
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert!(is_address("anna+shop@example.com"));
        for bad in ["anna", "anna@", "@example.com", "a b@example.com", "a@b@c.dk", "a@nodot"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
