//! The name that someone probably meant.

/// The one of `names` (which must not be empty) that is most similar to `name`, by edit distance.
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> &'a str {
    // A key without its section is as good as the whole key.
    let distance = |known: &str| {
        let leaf = known.rsplit('.').next().unwrap_or(known);
        edit_distance(name, known).min(edit_distance(name, leaf))
    };
    // Among equally similar names, one that starts with `name` wins.
    names.min_by_key(|known| (distance(known), !known.starts_with(name))).unwrap_or_default()
}

/// Levenshtein distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let names = || ["train.batch", "train.beta1", "data.crop", "dcgan32", "dcgan64"].into_iter();
        assert_eq!(nearest("train.bach", names()), "train.batch");
        assert_eq!(nearest("beta", names()), "train.beta1");
        assert_eq!(nearest("dcgan", names()), "dcgan32");
    }

    #[test]
    fn the_distance_counts_insertions_deletions_and_substitutions() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("same", "same"), 0);
    }
}
