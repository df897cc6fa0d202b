use domain::RuleViolation;

use crate::FieldError;

/// Collects everything that is wrong with a request, so that a form can show it at once.
#[derive(Debug, Default)]
pub struct Faults(pub Vec<FieldError>);

impl Faults {
    /// The value, unless it breaks its rule; then the fault of `field` is noted.
    pub fn note<T>(&mut self, field: &str, outcome: Result<T, RuleViolation>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(violation) => {
                self.add(field, violation.to_string());
                None
            }
        }
    }

    /// Notes a fault of `field`.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
