//! Readers of the formats that share nothing with their writers.

use serde_json::Value;

use super::generations::Server;

/// Names of the columns, where the format has them apart, and the values of each row in their order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) names: Option<Vec<String>>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// Objects in an array; numbers must be numbers where `is_bare` says so.
pub(super) fn json(text: &str, names: &[&str], is_bare: impl Fn(&str) -> bool) -> Table {
    let list: Vec<serde_json::Map<String, Value>> = serde_json::from_str(text).unwrap();
    let value = |name: &str, value: &Value| {
        assert_eq!(value.is_number(), is_bare(name), "{name}: {value}");
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let row = |mut row: serde_json::Map<String, Value>| {
        let values = names.iter().map(|name| row.remove(*name).map(|sent| value(name, &sent))).collect();
        assert!(row.is_empty(), "columns too many: {row:?}");
        values
    };
    Table { names: None, rows: list.into_iter().map(row).collect() }
}

pub(super) fn csv(text: &str, server: Server, columns: usize) -> Table {
    match (server, columns) {
        (Server::Bindaas, _) => escaped_csv(text),
        (Server::Archive, 1) => bare_csv(text),
        (Server::Archive, _) => quoted_csv(text),
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn quoted_csv(text: &str) -> Table {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(some).collect()).collect();
    Table { names: Some(names), rows }
}

/// A value a line; null is two ends of line.
fn bare_csv(text: &str) -> Table {
    let (name, mut rest) = text.split_once('\n').unwrap();
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let (value, behind) = rest.split_once('\n').unwrap();
        rest = if value.is_empty() { behind.strip_prefix('\n').unwrap() } else { behind };
        rows.push(vec![some(value)]);
    }
    Table { names: Some(vec![name.to_owned()]), rows }
}

/// Fields with backslashes, so that a line is a row.
fn escaped_csv(text: &str) -> Table {
    let mut lines = text.split('\n');
    let names = lines.next().unwrap().split(',').map(str::to_owned).collect();
    Table { names: Some(names), rows: lines.map(escaped_line).collect() }
}

fn escaped_line(line: &str) -> Vec<Option<String>> {
    let (mut row, mut field, mut is_inside) = (Vec::new(), String::new(), false);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => is_inside = !is_inside,
            '\\' => field.push(letters.next().unwrap()),
            ',' if !is_inside => row.push(some(&std::mem::take(&mut field))),
            letter => field.push(letter),
        }
    }
    row.push(some(&field));
    row
}

/// Elements named after columns, also where that is no name.
pub(super) fn xml(text: &str, names: &[&str]) -> Table {
    let (beginning, rows) = text.split_once("<Results>").unwrap();
    assert!(["", "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>"].contains(&beginning));
    let mut rows = rows.strip_suffix("</Results>").unwrap().trim_start();
    let mut found = Vec::new();
    while !rows.is_empty() {
        let (row, behind) = rows.strip_prefix("<Row>").unwrap().split_once("</Row>").unwrap();
        found.push(xml_row(row, names));
        rows = behind.trim_start();
    }
    Table { names: None, rows: found }
}

fn xml_row(mut row: &str, names: &[&str]) -> Vec<Option<String>> {
    let mut values = vec![None; names.len()];
    while let Some(element) = row.trim_start().strip_prefix('<') {
        let (name, rest) = element.split_once(" type='").unwrap();
        let (kind, rest) = rest.split_once('\'').unwrap();
        assert!(
            kind.starts_with("java.") || kind.bytes().all(|letter| letter.is_ascii_uppercase()),
            "{kind}"
        );
        let (value, behind) = rest.split_once(&format!("</{name}>")).unwrap();
        let value = value.trim_start().strip_prefix('>').unwrap();
        values[names.iter().position(|known| *known == name).unwrap()] = some(&decoded(value));
        row = behind;
    }
    assert!(row.trim().is_empty(), "{row}");
    values
}

/// The cells of a table; what is shown for null differs between the programs.
pub(super) fn html(text: &str, server: Server) -> Table {
    let null = if server == Server::Bindaas { "null" } else { "&nbsp;" };
    let cells = |row: &str, tag: &str| -> Vec<String> {
        let beginning = format!("<{tag}>");
        let cells = row.split(&beginning).skip(1);
        cells.map(|cell| cell.split_once(&format!("</{tag}>")).unwrap().0.to_owned()).collect()
    };
    let mut rows = text.split("<TR>").skip(1);
    let names = cells(rows.next().unwrap(), "TH");
    let value = |cell: String| Some(cell).filter(|cell| cell != null).map(|cell| decoded(&cell));
    let rows = rows.map(|row| cells(row, "TD").into_iter().map(value).collect()).collect();
    assert!(text.trim_end_matches("</BODY></HTML>").ends_with("</TABLE></P>"));
    Table { names: Some(names), rows }
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('&');
    let mut decoded = parts.next().unwrap().to_owned();
    assert!(!decoded.contains('<'));
    for part in parts {
        let (entity, rest) = part.split_once(';').unwrap();
        decoded.push(match entity.strip_prefix("#x") {
            Some(hex) => char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap(),
            None => match entity {
                "lt" => '<',
                "gt" => '>',
                "amp" => '&',
                "quot" => '"',
                other => panic!("no entity: {other}"),
            },
        });
        decoded.push_str(rest);
    }
    decoded
}

#[test]
fn the_readers_read_what_was_typed_by_hand() {
    let row =
        |values: &[Option<&str>]| values.iter().map(|value| value.map(str::to_owned)).collect::<Vec<_>>();
    let table = |names: Option<&[&str]>, rows: &[&[Option<&str>]]| Table {
        names: names.map(owned),
        rows: rows.iter().map(|values| row(values)).collect(),
    };
    let a_and_b: [&[Option<&str>]; 2] = [&[Some("1/\"2\""), None], &[None, Some("x, <&>")]];
    let names = ["A", "B c"];

    let list = r#"[{"A":"1\/\"2\""},{"B c":"x, <&>"}]"#;
    assert_eq!(json(list, &names, |_| false), table(None, &a_and_b));
    let quoted = "\"A\",\"B c\"\n\"1/\"\"2\"\"\",\"\"\n\"\",\"x, <&>\"\n";
    assert_eq!(csv(quoted, Server::Archive, 2), table(Some(&names), &a_and_b));
    let escaped = "A,B c\n\"1\\/\\\"2\\\"\",\n,\"x, <&>\"";
    assert_eq!(csv(escaped, Server::Bindaas, 2), table(Some(&names), &a_and_b));
    assert_eq!(
        csv("A\n1,2\n\n\n3\n", Server::Archive, 1),
        table(Some(&["A"]), &[&[Some("1,2")], &[None], &[Some("3")]])
    );
    let elements = "<Results>\n<Row>\n<A type='VARCHAR' >1/\"2\"</A>\n<B c type='DATE' ></B c>\n</Row>\n\
        <Row><B c type='java.lang.String'>x, &lt;&amp;&#x3e;</B c></Row></Results>";
    assert_eq!(xml(elements, &names), table(None, &a_and_b));
    let cells = "<TABLE><TR><TH>A</TH><TH>B c</TH></TR><TR><TD>1/&quot;2\"</TD><TD>&nbsp;</TD></TR>\
        <TR><TD>&nbsp;</TD><TD>x, &lt;&amp;&gt;</TD></TR></TABLE></P>";
    assert_eq!(html(cells, Server::Archive), table(Some(&names), &a_and_b));
}
