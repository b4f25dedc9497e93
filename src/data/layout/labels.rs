//! Classes out of a table that comes with the pictures.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::super::table::Table;
use super::levels::FileLevels;
use super::words::{Split, key, split_of, stem, words};
use super::{MAX_CLASSES, has_picture_ending};

/// A table among the files.
#[derive(Clone, Debug)]
pub struct FoundTable {
    /// Index of its file.
    pub index: usize,
    /// What is in it.
    pub table: Table,
}

/// The classes so far: first by folders, then by tables.
pub struct Labels {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// One for each file.
    pub of_files: Vec<Option<u32>>,
    /// Files that have a class, or need none.
    pub is_known: HashSet<usize>,
}

impl Labels {
    /// Asks the tables for classes, and returns the tables that are dealt with. Folders that are classes are believed more
    /// than a table that does not have all of their pictures.
    pub fn consult(
        &mut self,
        names: &[String],
        pictures: &[usize],
        files: &[FileLevels],
        tables: &[FoundTable],
        notes: &mut Vec<String>,
    ) -> HashSet<usize> {
        let finder = Finder::new(names, pictures, files);
        let (mut classes, mut used, mut dealt_with) = (HashMap::new(), Vec::new(), HashSet::new());
        let mut unrelated: Vec<&String> = Vec::new();
        for FoundTable { index, table } in tables {
            let name = &names[*index];
            match finder.ask(name, table) {
                Says::Classes(found) => {
                    used.push((*index, found.len()));
                    for (picture, class) in found {
                        classes.entry(picture).or_insert(class);
                    }
                }
                Says::NoClasses => {
                    *self = Self {
                        classes: Vec::new(),
                        of_files: vec![None; names.len()],
                        is_known: (0..names.len()).collect(),
                    };
                }
                Says::Nothing(reason) => notes.push(format!("{name} was not used for classes: {reason}.")),
                Says::Unrelated if promises_labels(name) => unrelated.push(name),
                Says::Unrelated => continue,
            }
            dealt_with.insert(*index);
        }
        notes.extend(match unrelated[..] {
            [] => None,
            [name] => Some(format!("{name} was not used for classes: it doesn't name these pictures.")),
            [first, ..] => Some(format!(
                "{} tables were not used for classes, as they don't name these pictures. The first is {first}.",
                unrelated.len()
            )),
        });
        if classes.is_empty() || !self.classes.is_empty() && classes.len() < pictures.len() {
            return dealt_with;
        }
        let list = used.iter().map(|(index, _)| names[*index].as_str()).collect::<Vec<_>>().join(" and ");
        notes.push(format!("The classes are those in {list}."));
        let (names_of_classes, labels) = numbered(&classes);
        self.classes = names_of_classes;
        self.of_files = (0..names.len()).map(|index| labels.get(classes.get(&index)?).copied()).collect();
        let unnamed: HashSet<&usize> = pictures.iter().filter(|index| !classes.contains_key(index)).collect();
        self.is_known = (0..names.len()).filter(|index| !unnamed.contains(index)).collect();
        dealt_with
    }
}

/// What a table says of the pictures.
enum Says {
    /// The class of each picture that it names, by the picture's index.
    Classes(HashMap<usize, String>),
    /// That there are no classes.
    NoClasses,
    /// Nothing of use, and why: the end of a sentence.
    Nothing(String),
    /// It is not on the pictures at all.
    Unrelated,
}

/// The columns that hold classes, the surest first.
const CLASS_COLUMNS: [&str; 13] = [
    "class name",
    "label name",
    "category name",
    "breed name",
    "breed",
    "species",
    "label",
    "labels",
    "class",
    "classes",
    "category",
    "categories",
    "target",
];

/// Words in the names of other columns that hold classes.
const CLASS_WORDS: [&str; 6] = ["label", "labels", "class", "breed", "species", "category"];

/// The pictures of a source by their names, to be found by what a table calls them.
struct Finder<'a> {
    names: &'a [String],
    levels: &'a [FileLevels],
    paths: HashMap<String, usize>,
    files: HashMap<String, Vec<usize>>,
    stems: HashMap<String, Vec<usize>>,
    /// By the number that is all of a name, without the zeros in front of it.
    numbers: HashMap<String, Vec<usize>>,
}

impl<'a> Finder<'a> {
    fn new(names: &'a [String], pictures: &[usize], levels: &'a [FileLevels]) -> Self {
        let (mut files, mut stems) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        let mut numbers = HashMap::<_, Vec<_>>::new();
        for index in pictures {
            files.entry(file(&names[*index]).to_lowercase()).or_default().push(*index);
            let stem = stem(&names[*index]).to_lowercase();
            if let Some(number) = number(&stem) {
                numbers.entry(number.to_owned()).or_default().push(*index);
            }
            stems.entry(stem).or_default().push(*index);
        }
        let paths = pictures.iter().map(|index| (names[*index].to_lowercase(), *index)).collect();
        Self { names, levels, paths, files, stems, numbers }
    }

    /// What a table says; `name` is that of its file.
    fn ask(&self, name: &str, table: &Table) -> Says {
        // StyleGAN's tool writes this for pictures without classes.
        if table.rows.is_empty() && file(name).eq_ignore_ascii_case("dataset.json") {
            return Says::NoClasses;
        }
        let (folder, own) = name.rsplit_once('/').unwrap_or(("", name));
        // The table of a split is named after it, or lies in it.
        let parts = std::iter::once(stem(own)).chain(folder.rsplit('/'));
        let split = parts.filter_map(split_of).map(|(split, _)| split).next().unwrap_or(Split::Training);
        let folder = folder.to_lowercase();
        let find = |value: &str| self.find(value, &folder, split);
        // The numbers that a program gave to the rows may be pictures' names without their endings too: a column that spells
        // names out is meant.
        let names = |column: &usize| {
            let values = || table.rows.iter().map(|row| row[*column].as_str());
            let spelt: HashSet<usize> = values().filter(|value| self.is_spelt(value)).filter_map(find).collect();
            let found: HashSet<usize> = values().filter_map(find).collect();
            let has_name = !table.columns[*column].is_empty();
            let with_ending = values().filter(|value| value.contains('/') || has_picture_ending(value)).count();
            (spelt.len(), found.len(), has_name, with_ending)
        };
        let Some(id) = (0..table.columns.len()).rev().max_by_key(names) else { return Says::Unrelated };
        let count = table.rows.iter().filter(|row| find(&row[id]).is_some()).count();
        let pictures: usize = self.files.values().map(Vec::len).sum();
        // A list of numbered classes names a few numbered pictures by accident.
        let is_number = |value: &str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let is_on_few = 10 * count < pictures && table.rows.iter().all(|row| is_number(&row[id]));
        if count == 0 || 2 * count < table.rows.len().min(pictures) || is_on_few {
            return Says::Unrelated;
        }
        let columns = match ClassColumns::of(table, id) {
            Ok(found) => found,
            Err(reason) => return Says::Nothing(reason),
        };
        let is_named = !matches!(columns, ClassColumns::Only(_));
        // Without a header its first line is a picture too.
        let rows = std::iter::once(&table.columns).filter(|row| find(&row[id]).is_some()).chain(&table.rows);
        let mut classes = HashMap::new();
        for row in rows {
            if let (Some(picture), Some(class)) = (find(&row[id]), columns.class(table, row)) {
                classes.entry(picture).or_insert_with(|| class.to_owned());
            }
        }
        let distinct = classes.values().collect::<BTreeSet<_>>().len();
        match distinct {
            0 | 1 => Says::Nothing("it names fewer than two classes".to_owned()),
            // What is said of each picture alone is a caption.
            _ if !is_named && 2 * distinct > classes.len() => {
                Says::Nothing("none of its columns is known to hold classes".to_owned())
            }
            _ if distinct > MAX_CLASSES => Says::Nothing(format!("it names more than {MAX_CLASSES} classes")),
            _ => Says::Classes(classes),
        }
    }

    /// Whether pictures are called so, and not just by the same number.
    fn is_spelt(&self, value: &str) -> bool {
        let value = value.replace('\\', "/").to_lowercase();
        let name = file(&value);
        self.files.contains_key(name)
            || self.stems.contains_key(if has_picture_ending(name) { stem(name) } else { name })
    }

    /// The picture that a table in `folder` calls `value`: a path, a file's name, or that without its ending. Of several, the
    /// one that lies there seen from the table, then the one whose path agrees furthest, then the one in the table's split.
    fn find(&self, value: &str, folder: &str, split: Split) -> Option<usize> {
        let value = value.replace('\\', "/").to_lowercase();
        let value = value.trim_start_matches("./");
        // What follows a file's name in an address.
        let value = if value.contains("://") { value.split(['?', '#']).next().unwrap_or(value) } else { value };
        let name = file(value);
        if name.is_empty() {
            return None;
        }
        let beside = if folder.is_empty() { value.to_owned() } else { format!("{folder}/{value}") };
        if let Some(picture) = self.paths.get(&beside) {
            return Some(*picture);
        }
        let found = self
            .files
            .get(name)
            .or_else(|| self.stems.get(if has_picture_ending(name) { stem(name) } else { name }))
            .or_else(|| self.numbers.get(number(name)?))?;
        if let [only] = found[..] {
            return Some(only);
        }
        let folders = |path: &str| path.rsplit('/').skip(1).map(str::to_owned).collect::<Vec<_>>();
        let wanted = folders(value);
        let agrees = |index: usize| {
            let own = folders(&self.names[index].to_lowercase());
            own.iter().zip(&wanted).take_while(|(a, b)| a == b).count()
        };
        let most = found.iter().map(|index| agrees(*index)).max()?;
        let best: Vec<usize> = found.iter().copied().filter(|index| agrees(*index) == most).collect();
        let is_in_split = |index: &&usize| self.levels[**index].split.as_ref().is_some_and(|(own, _)| *own == split);
        match best[..] {
            [only] => Some(only),
            _ => {
                let mut inside = best.iter().filter(is_in_split);
                inside.next().copied().filter(|_| inside.next().is_none())
            }
        }
    }
}

fn file(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// `1` of `00001`; none of anything but a number.
fn number(stem: &str) -> Option<&str> {
    let is_number = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| stem.trim_start_matches('0'))
}

/// Where a table has the classes.
enum ClassColumns {
    /// In a column whose name says so.
    Named(usize),
    /// In the only column there is.
    Only(usize),
    /// One column for each class, with a 1 in that of the picture's.
    OneHot(Vec<usize>),
}

impl ClassColumns {
    /// Of a table that names its pictures in the column `id`; else why there are none.
    fn of(table: &Table, id: usize) -> Result<Self, String> {
        let is_of_splits = |column: &usize| Self::is_of_splits(table, *column);
        let others: Vec<usize> =
            (0..table.columns.len()).filter(|column| *column != id && !is_of_splits(column)).collect();
        let number = |value: &str| value.parse::<f64>().ok();
        let is_text =
            |column: &usize| table.rows.iter().any(|row| !row[*column].is_empty() && number(&row[*column]).is_none());
        let rank = |column: &usize| CLASS_COLUMNS.iter().position(|known| key(&table.columns[*column]) == *known);
        let has_word = |column: &usize| {
            words(&table.columns[*column]).iter().any(|word| CLASS_WORDS.contains(&word.to_lowercase().as_str()))
        };
        // A class's name says more than its number.
        let known = others.iter().copied().filter(|column| rank(column).is_some());
        let known = known.min_by_key(|column| (!is_text(column), rank(column)));
        let worded = || others.iter().copied().filter(has_word).min_by_key(|column| (!is_text(column), *column));
        if let Some(column) = known.or_else(worded) {
            return Ok(Self::Named(column));
        }
        let is_one_hot = |row: &Vec<String>| {
            let numbers = others.iter().map(|column| number(&row[*column]));
            numbers.clone().all(|number| matches!(number, Some(0.0 | 1.0)))
                && numbers.filter(|number| *number == Some(1.0)).count() == 1
        };
        match others[..] {
            [] => Err("it has no column of classes".to_owned()),
            [only] if is_measured(table, only) => Err("its column of numbers or texts is none of classes".to_owned()),
            [only] => Ok(Self::Only(only)),
            _ if table.rows.iter().all(is_one_hot) => Ok(Self::OneHot(others)),
            _ => Err("none of its columns is known to hold classes".to_owned()),
        }
    }

    /// Whether a column says what each picture is for, in its name or in all of its values, and is not named after classes.
    fn is_of_splits(table: &Table, column: usize) -> bool {
        const WORDS: [&str; 6] = ["partition", "split", "subset", "fold", "set", "usage"];
        let name = &table.columns[column];
        let words = words(name).into_iter().map(str::to_lowercase).collect::<Vec<_>>();
        let is_word = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
        let is_split = |value: &str| split_of(value).is_some_and(|(_, rest)| rest.is_empty());
        let mut values = table.rows.iter().map(|row| row[column].as_str()).filter(|value| !value.is_empty()).peekable();
        let says_splits =
            is_word(&WORDS) || split_of(name).is_some() || values.peek().is_some() && values.all(is_split);
        says_splits && !is_word(&CLASS_WORDS) && !CLASS_COLUMNS.contains(&key(name).as_str())
    }

    fn class<'a>(&self, table: &'a Table, row: &'a [String]) -> Option<&'a str> {
        let class = match self {
            Self::Named(column) | Self::Only(column) => &row[*column],
            Self::OneHot(columns) => {
                let column = columns.iter().find(|column| row[**column].parse() == Ok(1.0))?;
                &table.columns[*column]
            }
        };
        Some(class.as_str()).filter(|class| !class.is_empty())
    }
}

/// Whether a column holds what is measured or described and not chosen from a few: fractions, many numbers, dates, sentences.
fn is_measured(table: &Table, column: usize) -> bool {
    const MOST_NUMBERS: usize = 100;
    const WORDS_OF_A_SENTENCE: usize = 5;
    let values: BTreeSet<&str> =
        table.rows.iter().map(|row| row[column].as_str()).filter(|value| !value.is_empty()).collect();
    let number = |value: &&str| value.parse::<f64>().ok();
    if values.iter().all(|value| number(value).is_some()) {
        let has_fractions = values.iter().filter_map(number).any(|number| number.fract() != 0.0);
        return has_fractions || values.len() > MOST_NUMBERS && 4 * values.len() > table.rows.len();
    }
    let is_date = |value: &&str| {
        let date = value.split([' ', 'T']).next().unwrap_or_default();
        date.len() >= 8
            && date.split(['-', '/', '.']).count() == 3
            && date.bytes().all(|byte| byte.is_ascii_digit() || b"-/.".contains(&byte))
    };
    let words: usize = values.iter().map(|value| value.split_whitespace().count()).sum();
    values.iter().all(is_date) || words > WORDS_OF_A_SENTENCE * values.len()
}

/// Names of the classes, sorted, numbers by their values, and the index of each.
fn numbered(classes: &HashMap<usize, String>) -> (Vec<String>, BTreeMap<String, u32>) {
    let distinct: BTreeSet<&String> = classes.values().collect();
    let mut names: Vec<String> = distinct.into_iter().cloned().collect();
    let numbers: Option<Vec<u64>> = names.iter().map(|name| name.parse().ok()).collect();
    if numbers.is_some() {
        names.sort_by_key(|name| name.parse::<u64>().ok());
    }
    let labels = names.iter().cloned().zip(0..).collect();
    (names, labels)
}

/// Whether a table's name says that it is on the pictures' classes.
pub fn promises_labels(name: &str) -> bool {
    words(stem(name)).iter().any(|word| {
        ["label", "labels", "class", "classes", "breed", "breeds", "metadata", "dataset"]
            .contains(&word.to_lowercase().as_str())
    })
}
