//! Rows as XML and HTML.
//!
//! Elements of XML are named after the columns, also where that is no name in XML (`Series UID`). The archive's server
//! encodes texts (NBIA-TCIA 865725e, `FormatOutput.java`); Bindaas puts them between the tags as they are
//! (sharmalab/bindaas, `XMLFormatHandler.java`, `HTMLFormatHandler.java`), which lets a description carry a script, so
//! that the three characters that make markup are escaped here.

use std::borrow::Cow;

use super::value::{is_number, values};
use crate::db::ListedRow;
use crate::nbia::dialect::{Column, DateFormat, EndpointDescription, Family, Kind};
use crate::serve::request::Request;

/// What is text to Java.
const STRING: &str = "java.lang.String";

pub(super) fn xml_beginning(family: Family) -> &'static str {
    match family {
        Family::Bindaas => "<Results>\n",
        Family::Nbia => "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><Results>",
    }
}

pub(super) fn xml_row(request: &Request, row: &ListedRow) -> String {
    match request.family() {
        Family::Bindaas => bindaas_xml_row(request.endpoint, row),
        Family::Nbia => nbia_xml_row(request.endpoint, row),
    }
}

pub(super) fn html_beginning(request: &Request) -> String {
    let columns = request.endpoint.columns.iter();
    let names: String = columns.flat_map(|column| ["<TH>", column.name, "</TH>"]).collect();
    match request.family() {
        Family::Bindaas => format!(
            "<HTML><BODY><P ALIGN='center'><TABLE id='data' BORDER=1>\n<thead><TR>\n{names}</TR>\n</thead><tbody>"
        ),
        Family::Nbia => format!("<P ALIGN='center'><TABLE BORDER=1><TR>{names}</TR>"),
    }
}

pub(super) fn html_row(request: &Request, row: &ListedRow) -> String {
    let cell = |(column, text): (&Column, Option<Cow<'_, str>>)| match (request.family(), text) {
        (Family::Bindaas, Some(text)) => escaped(&text),
        (Family::Bindaas, None) => "null".to_owned(),
        (Family::Nbia, Some(text)) => shown(java_type(request.endpoint, column, &text), &text),
        (Family::Nbia, None) => "&nbsp;".to_owned(),
    };
    let cells: Vec<_> = values(request.endpoint, row).map(cell).collect();
    let cells = format!("<TD>{}</TD>", cells.join("</TD><TD>"));
    match request.family() {
        Family::Bindaas => format!("<TR>\n{cells}</TR>\n"),
        Family::Nbia => format!("<TR>{cells}</TR>"),
    }
}

pub(super) fn html_end(family: Family) -> &'static str {
    match family {
        Family::Bindaas => "</tbody></TABLE></P></BODY></HTML>",
        Family::Nbia => "</TABLE></P>",
    }
}

/// A row in which a null has no element.
fn nbia_xml_row(endpoint: &'static EndpointDescription, row: &ListedRow) -> String {
    let elements = values(endpoint, row).filter_map(|(column, text)| {
        let (name, text) = (column.name, text?);
        let kind = java_type(endpoint, column, &text);
        Some(format!("<{name} type='{kind}'>{}</{name}>", shown(kind, &text)))
    });
    format!("<Row>{}</Row>", elements.collect::<String>())
}

/// A row in which a null has an empty element.
fn bindaas_xml_row(endpoint: &'static EndpointDescription, row: &ListedRow) -> String {
    let elements = values(endpoint, row).map(|(column, text)| {
        let (name, text) = (column.name, escaped(text.unwrap_or_default().trim()));
        format!("<{name} type='{}' >{text}</{name}>\n", sql_type(column))
    });
    format!("<Row>\n{}</Row>\n", elements.collect::<String>())
}

/// The class of a value in the server; of numbers and flags it is inferred.
fn java_type(endpoint: &EndpointDescription, column: &Column, text: &str) -> &'static str {
    let is_time = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b"-: .".contains(&byte));
    match column.kind {
        _ if endpoint.has_only_texts => STRING,
        Kind::Number | Kind::Count if is_number(text) && text.contains('.') => "java.math.BigDecimal",
        Kind::Number if is_number(text) => "java.lang.Integer",
        Kind::Count if is_number(text) => "java.lang.Long",
        Kind::Flag if matches!(text, "true" | "false") => "java.lang.Boolean",
        Kind::Date if endpoint.dates == DateFormat::Timestamp && is_time(text) => "java.sql.Timestamp",
        _ => STRING,
    }
}

/// The type of a column in the database; of numbers it is inferred.
fn sql_type(column: &Column) -> &'static str {
    match column.kind {
        Kind::Text | Kind::Flag => "VARCHAR",
        Kind::Number => "INT",
        Kind::Count => "BIGINT",
        Kind::Date => "DATE",
    }
}

/// A value of the archive's server: only texts are encoded.
fn shown(java_type: &str, text: &str) -> String {
    if java_type == STRING { encoded(text) } else { text.to_owned() }
}

/// A text as ESAPI's `encodeForHTML` writes it, but for names that only HTML knows, which stand as numbers.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ',' | '.' | '-' | '_' | ' ' => encoded.push(character),
            _ if character.is_ascii_alphanumeric() => encoded.push(character),
            '<' | '>' | '&' => encoded.push_str(&escaped(character.encode_utf8(&mut [0; 4]))),
            '"' => encoded.push_str("&quot;"),
            // characters of control are replaced, but for those that make space
            _ if character.is_control() && !matches!(character, '\t' | '\n' | '\r') => {
                encoded.push_str("&#xfffd;");
            }
            _ => encoded.extend([format!("&#x{:x};", u32::from(character))]),
        }
    }
    encoded
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded_as_esapi_does() {
        let cases = [
            ("a-b_c, d.1", "a-b_c, d.1"),
            ("http://x/?a=b", "http&#x3a;&#x2f;&#x2f;x&#x2f;&#x3f;a&#x3d;b"),
            ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
            ("\u{e9}\u{1F600}", "&#xe9;&#x1f600;"),
            ("\t\u{1b}", "&#x9;&#xfffd;"),
        ];
        for (text, expected) in cases {
            assert_eq!(encoded(text), expected, "{text}");
        }
    }
}
