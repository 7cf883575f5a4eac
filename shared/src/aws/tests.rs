use super::stored;
use crate::ports::PortError;
use aws_sdk_dynamodb::types::AttributeValue;

#[test]
fn a_body_comes_back_and_a_newer_or_damaged_one_is_refused_unquoted() {
    let body = stored::encode("people", &"anna@example.test").unwrap();
    assert_eq!(stored::decode::<String>("people", "row", &body.value).unwrap(), "anna@example.test");
    let bytes = body.value.as_b().unwrap().as_ref().to_vec();
    let refused = |bytes: Vec<u8>| {
        let error = stored::decode::<u64>("people", "row", &super::table::binary(bytes)).unwrap_err();
        assert!(matches!(error, PortError::Unreadable { .. }), "{error}");
        assert!(!error.to_string().contains("anna"), "{error}");
        error.to_string()
    };
    let mut newer = bytes.clone();
    newer[0] = stored::FORMAT + 1;
    assert!(refused(newer).contains("newer"));
    refused(bytes[..bytes.len() - 3].to_vec());
    refused(Vec::new());
    refused(bytes);
    let text = AttributeValue::S("anna".to_owned());
    stored::decode::<String>("people", "row", &text).unwrap_err();
}
