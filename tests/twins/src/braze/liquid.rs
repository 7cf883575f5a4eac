//! The little Liquid that webhooks of the vendor file have: `{{${user_id}}}`, `{{canvas.${api_id}}}`. Whatever has
//! no value renders blank, and nothing is quoted: both break the JSON around them.

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    /// What is before the `$`, without its full stop, and the name in braces.
    Tag(&'t str, &'t str),
}

/// Whether everything in double braces is a tag.
pub(super) fn is_template(text: &str) -> bool {
    pieces(text).is_some()
}

/// `value` answers for what is before the `$` and the name.
pub(super) fn render(template: &str, value: impl Fn(&str, &str) -> Option<String>) -> String {
    let render = |piece: Piece<'_>| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Tag(of, name) => value(of, name).unwrap_or_default(),
    };
    pieces(template).unwrap_or_default().into_iter().map(render).collect()
}

fn pieces(mut text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    while let Some((before, after)) = text.split_once("{{") {
        let (tag, rest) = after.split_once('}')?;
        let (of, name) = tag.trim().split_once("${")?;
        pieces.extend([Piece::Text(before), Piece::Tag(of.trim_end_matches('.'), name)]);
        text = rest.trim_start().strip_prefix("}}")?;
    }
    pieces.push(Piece::Text(text));
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_replaced_and_unknown_ones_are_blank() {
        let value = |of: &str, name: &str| (name != "x").then(|| format!("<{of}:{name}>"));
        let template = "a {{${user_id}}}-{{ canvas.${api_id} }}-{{custom_attribute.${x}}} { b }";
        assert_eq!(render(template, value), "a <:user_id>-<canvas:api_id>- { b }");
    }

    #[test]
    fn other_liquid_is_no_template() {
        assert!(is_template(r#"{"a": {"b": "{{${user_id}}}"}}"#));
        for text in ["{{ user_id }}", "{{${user_id} | upcase}}", "{{${user_id}", "{{"] {
            assert!(!is_template(text), "{text}");
        }
    }
}
