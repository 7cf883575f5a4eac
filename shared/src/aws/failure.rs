//! What a failed call to AWS means to us: the store did not answer. The SDK has tried again by then; the
//! queue brings the message back.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::ports::PortError;

/// A failed call as the ports say it: the service's code and sentence, nothing of the request.
pub(super) fn unavailable<E: ProvideErrorMetadata>(store: &'static str, error: &SdkError<E>) -> PortError {
    PortError::Unavailable { store, what: describe(error) }
}

fn describe<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match error {
        SdkError::ServiceError(answer) => {
            let error = answer.err();
            format!("{}: {}", error.code().unwrap_or("error"), error.message().unwrap_or("no reason given"))
        }
        SdkError::ConstructionFailure(_) => "the request cannot be built; see the function's settings".to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(_) => "cannot be reached".to_owned(),
        SdkError::ResponseError(_) => "the answer broke off".to_owned(),
        _ => "failed for a reason that this program does not know".to_owned(),
    }
}
