//! Cropping and resizing against Pillow's own numbers, in 8 bits throughout.

use safetensors::SafeTensors;
use serde_json::Value;
use whelp::data::{Filter, Raster, resize_center};

use super::file::folder;

#[test]
fn golden_resize_lanczos_as_pillow() {
    compare(Filter::Lanczos, "lanczos_u8");
}

#[test]
fn golden_resize_bicubic_as_pillow() {
    compare(Filter::Bicubic, "bicubic_u8");
}

/// Every image of the file, `saturated` among them: the clipping between the passes is part of the claim.
fn compare(filter: Filter, output: &str) {
    let bytes = std::fs::read(folder().join("resize.safetensors")).expect("the golden file is there");
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let case: Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["case"]).unwrap();
    let tolerance = |key: &str| case["tolerance"][key].as_f64().unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let images = case["images"].as_object().unwrap();
    assert!(!images.is_empty());
    for (name, image) in images {
        let input = tensors.tensor(&format!("{name}.input_u8")).unwrap();
        let &[3, height, width] = input.shape() else { panic!("{name}: expected 3 x H x W, got {:?}", input.shape()) };
        let target = image["target"].as_u64().unwrap() as usize;

        let raster = Raster::rgb8(width, height, interleaved(input.data()));
        let got = resize_center(&raster, target.into(), filter);

        let want = tensors.tensor(&format!("{name}.{output}")).unwrap();
        assert_eq!(want.shape(), [3, target, target], "{name}");
        let want = interleaved(want.data());
        let limit = tolerance("abs") + tolerance("rel") * f64::from(*want.iter().max().unwrap());
        let worst = got.iter().zip(&want).map(|(got, want)| got.abs_diff(*want)).max().unwrap();
        assert_eq!(got.len(), want.len());
        assert!(f64::from(worst) <= limit, "{name}, {filter:?}: {worst} levels off, {limit} allowed");
        println!("{name}, {filter:?}: at most {worst} levels off");
    }
}

/// `[3, H, W]` to `[H, W, 3]`.
fn interleaved(planes: &[u8]) -> Vec<u8> {
    let plane = planes.len() / 3;
    (0..plane).flat_map(|i| [planes[i], planes[plane + i], planes[2 * plane + i]]).collect()
}
