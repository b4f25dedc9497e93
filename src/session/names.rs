//! What files are called that a front end saves.

/// The beginning of a file's name that tells of a checkpoint's recipe and images seen: `whelp-dcgan32-12k`, `whelp-dcgan32-640`.
pub fn file_stem(recipe: &str, nimg: u64) -> String {
    let seen = if nimg < 1000 { nimg.to_string() } else { format!("{}k", nimg / 1000) };
    format!("whelp-{recipe}-{seen}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_tells_recipe_and_pictures() {
        assert_eq!(file_stem("dcgan32", 12_400), "whelp-dcgan32-12k");
        assert_eq!(file_stem("dcgan64", 640), "whelp-dcgan64-640");
    }
}
