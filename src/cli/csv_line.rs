//! Lines of CSV that a spreadsheet may open.

use std::borrow::Cow;

/// One line, quoted as RFC 4180 says; its end is a line feed alone, as every reader of CSV takes it.
///
/// What a spreadsheet would run is a text.
pub(super) fn csv_line(fields: &[String]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields.iter().map(|field| as_text(field).into_owned()))?;
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A field with an apostrophe before what a spreadsheet would take for a formula (OWASP, "CSV Injection"); a number is
/// none, and stays a number.
fn as_text(field: &str) -> Cow<'_, str> {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !is_number(field);
    if is_formula { format!("'{field}").into() } else { field.into() }
}

/// `-5`, `+1.5`, `-2e-3`: digits, a point, an exponent, and nothing that could call anything.
fn is_number(field: &str) -> bool {
    field.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        && field.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_a_text_and_a_number_stays_a_number() {
        let runs = [
            "=1+1",
            "=cmd|' /C calc'!A0",
            "+SUM(A1)",
            "-A1",
            "@SUM(1)",
            "\t=1",
            "\r=1",
            "-1-1",
            "--5",
            "-",
            "+",
            "-inf",
        ];
        for field in runs {
            assert_eq!(as_text(field), format!("'{field}"));
        }
        for field in ["", "-5", "+3", "-1.5E+3", "-.5", "1.2.840", "1=2", " =1", "a@b", "'=1", "0123"] {
            assert_eq!(as_text(field), field);
        }
    }
}
