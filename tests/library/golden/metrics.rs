//! Scores of generated pictures, on given features.

use whelp::metrics::{
    Estimate, LeftOut, Matrix, NeighborScores, Neighbors, Patches, cosine_distance, distance, frechet,
    frechet_distance, kid, laplacian_pyramid, memorization_distance, mifid, nearest, neighbor_scores, radii,
    swd_of_level,
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

    let nothing = LeftOut::nothing(real.rows(), generated.rows());
    let fid = frechet_distance(&real, &generated);
    let memorization = memorization_distance(&real, &generated, &nothing).value;
    let k = Neighbors { precision_recall: k_radius, density_coverage: k_density };
    let NeighborScores { precision, recall, density, coverage } = neighbor_scores(&real, &generated, k, &nothing);
    for (score, got) in [
        ("fid", fid),
        ("fid_small", frechet_distance(&few_real, &few_generated)),
        ("kid", kid(&real, &generated, &nothing).value),
        ("precision", precision.value),
        ("recall", recall.value),
        ("density", density.value),
        ("coverage", coverage.value),
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

/// Scores without each group of pictures, and the standard errors that follow: `tests/golden/scores.py`, by NumPy and SciPy.
#[test]
fn golden_standard_errors() {
    for golden in Golden::load_all_if_known("jackknife") {
        let inputs = Golden::load("metrics");
        let groups = golden.case["groups"].as_u64().unwrap() as usize;
        for set in ["gen", "mem"] {
            let [real, generated] = ["real", set].map(|name| features(&inputs, name));
            let of = |rows: usize| (0..rows).map(|row| (row % groups + 1) as u8).collect();
            let left_out = LeftOut::given(of(real.rows()), of(generated.rows()), groups);
            let fid = frechet(&real, &generated, &left_out);
            let memorization = memorization_distance(&real, &generated, &left_out);
            let threshold = inputs.number("/mifid_eps");
            let mifid = fid.with(&memorization, |fid, memorization| mifid(fid, memorization, threshold));
            let NeighborScores { precision, recall, density, coverage } =
                neighbor_scores(&real, &generated, Neighbors::default(), &left_out);
            let scores: [(&str, Estimate); 8] = [
                ("fid", fid),
                ("kid", kid(&real, &generated, &left_out)),
                ("precision", precision),
                ("recall", recall),
                ("density", density),
                ("coverage", coverage),
                ("memorization_distance", memorization),
                ("mifid", mifid),
            ];
            for (score, estimate) in scores {
                let variants: Vec<f32> = estimate.variants().map(|value| value as f32).collect();
                golden.check(&format!("{set}.{score}.variants"), &variants);
                golden.check(&format!("{set}.{score}.error"), &[estimate.standard_error().unwrap() as f32]);
            }
        }
    }
}

#[test]
fn golden_sliced_wasserstein_distance() {
    for golden in Golden::load_all_if_known("swd") {
        let levels = golden.case["levels"].as_u64().unwrap() as usize;
        let shape = golden.shape("images_a_u8");
        let (channels, side) = (shape[1], shape[2]);
        let pyramids = |set: &str| -> Vec<Vec<Vec<f32>>> {
            let pictures = golden.values(&format!("images_{set}_u8"));
            pictures.chunks_exact(channels * side * side).map(|planes| laplacian_pyramid(planes, side.into())).collect()
        };
        let (a, b) = (pyramids("a"), pyramids("b"));
        let mut distances = Vec::new();
        for level in 0..levels {
            golden.check(&format!("pyramid_a0.level{level}"), &a[0][level]);
            let patches = |set: &str, pyramids: &[Vec<Vec<f32>>]| {
                let positions = golden.integers(&format!("positions_{set}.level{level}"));
                let per_picture = positions.len() / pyramids.len();
                let mut patches = Patches::new(channels);
                for (pyramid, positions) in pyramids.iter().zip(positions.chunks_exact(per_picture)) {
                    let corners = positions.as_chunks().0.iter().map(|[y, x]| [*y as usize, *x as usize]);
                    patches.cut(&pyramid[level], (side >> level).into(), corners);
                }
                patches
            };
            // The file has a direction in each column.
            let name = format!("directions.level{level}");
            let (rows, columns) = (golden.shape(&name)[0], golden.shape(&name)[1]);
            let values = golden.values(&name);
            let directions: Vec<f32> = (0..rows * columns).map(|at| values[at % rows * columns + at / rows]).collect();
            let groups = vec![0; golden.integers(&format!("positions_a.level{level}")).len() / 2];
            distances.push(swd_of_level(patches("a", &a), patches("b", &b), &directions, &groups, 0).value as f32);
        }
        golden.check("swd", &distances);
    }
}

fn features(golden: &Golden, name: &str) -> Matrix {
    Matrix::from_f32(golden.shape(name)[1], &golden.values(name))
}
