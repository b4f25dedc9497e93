//! Scores of generated pictures, on given features.

use whelp::metrics::{
    Matrix, cosine_distance, density_coverage, distance, frechet_distance, kid, memorization_distance, mifid, nearest,
    precision_recall, radii,
};

use super::file::Golden;

/// Scores are held to the reference's float64 to within this share of them.
const SCORE_TOLERANCE: f64 = 1e-4;

#[test]
fn golden_metrics() {
    for golden in Golden::load_all("metrics") {
        for set in ["gen", "mem"] {
            check(&golden, set);
        }
    }
}

fn check(golden: &Golden, set: &str) {
    let setting = |name: &str| golden.case[name].as_u64().unwrap() as usize;
    let [real, generated] = ["real", set].map(|name| features(golden, name));
    let (k_radius, k_density) = (setting("k_precision_recall"), setting("k_density_coverage"));
    let small: Vec<u32> = (0..setting("small_rows") as u32).collect();
    let [few_real, few_generated] = [&real, &generated].map(|features| features.select(&small));

    let fid = frechet_distance(&real, &generated);
    let memorization = memorization_distance(&real, &generated);
    let quality = precision_recall(&real, &generated, k_radius);
    let coverage = density_coverage(&real, &generated, k_density);
    for (score, got) in [
        ("fid", fid),
        ("fid_small", frechet_distance(&few_real, &few_generated)),
        ("kid", kid(&real, &generated, 0).value),
        ("precision", quality.precision),
        ("recall", quality.recall),
        ("density", coverage.density),
        ("coverage", coverage.coverage),
        ("memorization_distance", memorization),
        ("mifid", mifid(fid, memorization, golden.number("/mifid_eps"))),
    ] {
        let name = format!("{set}.{score}");
        let want = golden.case["expected"][&name].as_f64().unwrap();
        assert!((got - want).abs() <= SCORE_TOLERANCE * want.abs(), "{name}: {got} instead of {want}");
        golden.check(&name, &[got as f32]);
    }

    let rows = |name: &str, got: Vec<f64>| {
        golden.check(&format!("{set}.{name}"), &got.into_iter().map(|value| value as f32).collect::<Vec<_>>());
    };
    rows("radius_real_pr", radii(&real, k_radius));
    rows("radius_gen_pr", radii(&generated, k_radius));
    rows("radius_real_dc", radii(&real, k_density));
    for (name, found) in [
        ("nn_euclid", nearest(&generated, &real, distance)),
        ("nn_cosine", nearest(&generated, &real, cosine_distance)),
    ] {
        let (indices, distances): (Vec<i64>, Vec<f64>) =
            found.into_iter().map(|(index, distance)| (index as i64, distance)).unzip();
        assert_eq!(indices, golden.integers(&format!("{set}.{name}_index")), "{set}.{name}_index");
        rows(&format!("{name}_distance"), distances);
    }
}

fn features(golden: &Golden, name: &str) -> Matrix {
    Matrix::from_f32(golden.shape(name)[1], &golden.values(name))
}
