//! Tables that come with pictures: CSV, JSON and lines of JSON.

use std::io::Read;

use serde_json::Value;

/// The most bytes that are read of a table: a million pictures have a shorter one.
pub(super) const MAX_TABLE_BYTES: u64 = 64 << 20;

/// The most tables of a source that are read.
pub(super) const MAX_TABLES: usize = 16;

/// The most values of a table in memory. Tables of pixels have more.
const MAX_VALUES: usize = 4 << 20;

/// Rows of text under named columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns. Of a file of CSV its first line, whatever that is.
    pub columns: Vec<String>,
    /// Each has a value for each column, perhaps an empty one.
    pub rows: Vec<Vec<String>>,
}

/// Whether a file may be a table of the pictures' classes by its name, so that it is opened before anything is decided.
pub(super) fn is_table(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let (stem, ending) = file.rsplit_once('.').unwrap_or((&file, ""));
    match ending {
        "csv" | "tsv" | "jsonl" | "ndjson" => true,
        "txt" => ["labels", "classes", "metadata"].contains(&stem),
        "json" => ["dataset", "labels", "metadata"].contains(&stem),
        _ => false,
    }
}

impl Table {
    /// Reads the file called `name`; none if it is no table, or too large.
    pub(super) fn read(name: &str, reader: impl Read) -> Option<Self> {
        let mut bytes = Vec::new();
        reader.take(MAX_TABLE_BYTES + 1).read_to_end(&mut bytes).ok()?;
        let text = (bytes.len() as u64 <= MAX_TABLE_BYTES).then(|| decoded(bytes))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("json") => Self::of_json(&serde_json::from_str(text).ok()?),
            Some("jsonl" | "ndjson") => {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                Self::of_objects(&lines.map(serde_json::from_str).collect::<Result<Vec<_>, _>>().ok()?)
            }
            Some("txt") => Self::of_csv(text, &[',', ';', '\t', '|', ' ']),
            _ => Self::of_csv(text, &[',', ';', '\t', '|']),
        }
    }

    /// CSV with any of `separators`, quoted or not (RFC 4180).
    fn of_csv(text: &str, separators: &[char]) -> Option<Self> {
        let first = text.lines().next()?;
        let count = |separator: &char| first.matches(*separator).count();
        let separator = separators.iter().copied().rev().max_by_key(count).filter(|found| count(found) > 0)?;
        let mut rows = Vec::new();
        let (mut row, mut value, mut is_quoted, mut values) = (Vec::new(), String::new(), false, 0);
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if is_quoted && letters.peek() == Some(&'"') => value.extend(letters.next()),
                '"' if is_quoted || value.is_empty() => is_quoted = !is_quoted,
                '\n' if !is_quoted => {
                    row.push(std::mem::take(&mut value));
                    values += row.len();
                    if values > MAX_VALUES {
                        return None;
                    }
                    rows.push(std::mem::take(&mut row));
                }
                '\r' if !is_quoted => {}
                _ if letter == separator && !is_quoted => row.push(std::mem::take(&mut value)),
                _ => value.push(letter),
            }
        }
        if !value.is_empty() || !row.is_empty() {
            row.push(value);
            rows.push(row);
        }
        rows.iter_mut().flatten().for_each(|value| *value = value.trim().to_owned());
        rows.retain(|row: &Vec<String>| row.iter().any(|value| !value.is_empty()));
        let mut rows = rows.into_iter();
        Some(Self::of_rows(rows.next()?, rows.collect()))
    }

    /// `{"labels": [["00000/img00000000.png", 6], ...]}` of StyleGAN's `dataset_tool`, a list of objects, or an object with
    /// a class for each file.
    fn of_json(value: &Value) -> Option<Self> {
        let pairs = |rows: Vec<Vec<String>>| Self::of_rows(vec!["file_name".to_owned(), "label".to_owned()], rows);
        match value {
            Value::Array(objects) => Self::of_objects(objects),
            Value::Object(fields) => match fields.get("labels").unwrap_or(value) {
                Value::Array(rows) => {
                    let row = |row: &Value| Some(row.as_array()?.iter().map(text_of).collect());
                    Some(pairs(rows.iter().map(row).collect::<Option<_>>()?))
                }
                // A list of files for each class, or a class for each file.
                Value::Object(classes) if classes.values().any(Value::is_array) => {
                    let files = |(class, files): (&String, &Value)| {
                        let row = |file: &Value| vec![text_of(file), class.clone()];
                        files.as_array().into_iter().flatten().map(row).collect::<Vec<_>>()
                    };
                    Some(pairs(classes.iter().flat_map(files).collect()))
                }
                Value::Object(files) => {
                    Some(pairs(files.iter().map(|(file, label)| vec![file.clone(), text_of(label)]).collect()))
                }
                // "labels": null says that there are none.
                _ => Some(pairs(Vec::new())),
            },
            _ => None,
        }
    }

    fn of_objects(objects: &[Value]) -> Option<Self> {
        let mut columns: Vec<String> = Vec::new();
        for object in objects {
            for field in object.as_object()?.keys() {
                if !columns.contains(field) {
                    columns.push(field.clone());
                }
            }
        }
        let row =
            |object: &Value| columns.iter().map(|field| object.get(field).map_or_else(String::new, text_of)).collect();
        let rows = objects.iter().map(row).collect();
        Some(Self { columns, rows })
    }

    fn of_rows(columns: Vec<String>, mut rows: Vec<Vec<String>>) -> Self {
        rows.iter_mut().for_each(|row| row.resize(columns.len(), String::new()));
        Self { columns, rows }
    }
}

/// Text in UTF-8, in UTF-16 as Excel calls Unicode, or else in Latin-1.
fn decoded(bytes: Vec<u8>) -> String {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes[..] {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect()),
    }
}

/// A label is a word or a whole number; of anything else nothing is left.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        Value::Bool(value) => value.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn table(name: &str, text: &str) -> Option<(Vec<String>, Vec<Vec<String>>)> {
        Table::read(name, text.as_bytes()).map(|table| (table.columns, table.rows))
    }

    fn expected(columns: &[&str], rows: &[&[&str]]) -> Option<(Vec<String>, Vec<Vec<String>>)> {
        let owned = |row: &[&str]| row.iter().map(|value| (*value).to_owned()).collect();
        Some((owned(columns), rows.iter().map(|row| owned(row)).collect()))
    }

    #[test]
    fn csv_is_read_with_any_separator_and_with_quotes() {
        let wanted = expected(&["id", "breed"], &[&["1", "pug"], &["2", "Jack \"Russell\", terrier"], &["3", ""]]);
        assert_eq!(
            table("a.csv", "\u{feff}id,breed\r\n1, pug\r\n\r\n2,\"Jack \"\"Russell\"\", terrier\"\r\n3"),
            wanted
        );
        assert_eq!(table("a.CSV", "id;breed\n1;pug\n2;\"Jack \"\"Russell\"\", terrier\"\n3;\n"), wanted);
        assert_eq!(table("a.tsv", "id\tbreed\n1\tpug\n2\tJack \"Russell\", terrier\n3\n"), wanted);
        assert_eq!(table("labels.txt", "id breed\n1 pug\n2 \"Jack \"\"Russell\"\", terrier\"\n3\n"), wanted);
        assert_eq!(table("a.csv", "only one column\n1\n"), None);
        assert_eq!(table("a.csv", ""), None);
    }

    #[test]
    fn text_of_spreadsheets_is_read() {
        let wanted = Some(Table { columns: vec!["Bild".to_owned(), "Größe".to_owned()], rows: Vec::new() });
        let text = "\u{feff}Bild;Größe\n";
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [text.as_bytes(), b"Bild;Gr\xf6\xdfe\r\n", &wide] {
            assert_eq!(Table::read("a.csv", bytes), wanted);
        }
    }

    #[test]
    fn json_is_read_in_its_three_forms() {
        let wanted = expected(&["file_name", "label"], &[&["a.png", "6"], &["b.png", "0"]]);
        assert_eq!(table("dataset.json", r#"{"labels": [["a.png", 6], ["b.png", 0]]}"#), wanted);
        assert_eq!(table("labels.json", r#"{"a.png": 6, "b.png": 0}"#), wanted);
        let by_class = table("labels.json", r#"{"0": ["b.png"], "6": ["a.png"]}"#).unwrap().1;
        assert_eq!(by_class, [["b.png", "0"], ["a.png", "6"]]);
        assert_eq!(
            table(
                "metadata.jsonl",
                "{\"file_name\": \"a.png\", \"label\": 6}\n\n{\"label\": 0, \"file_name\": \"b.png\"}\n"
            ),
            wanted
        );
        assert_eq!(table("dataset.json", r#"{"labels": null}"#), expected(&["file_name", "label"], &[]));
        assert_eq!(table("dataset.json", r#"{"labels": [["a.png", [0.5, 1]]]}"#).unwrap().1, [["a.png", ""]]);
        assert_eq!(table("dataset.json", "[1, 2]"), None);
        assert_eq!(table("dataset.json", "{"), None);
    }

    #[test]
    fn names_suggest_tables() {
        for name in ["labels.csv", "x/metadata.JSONL", "x/dataset.json", "list.tsv"] {
            assert!(is_table(name), "{name}");
        }
        for name in ["csv", "config.json", "notes.txt", "csv/1.jpg"] {
            assert!(!is_table(name), "{name}");
        }
    }

    #[test]
    fn a_reader_that_fails_is_no_table() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        assert_eq!(Table::read("a.csv", Fails), None);
    }
}
