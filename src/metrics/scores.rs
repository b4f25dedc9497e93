//! All scores of a set of pictures.

use super::{Estimate, LeftOut, Matrix, NeighborScores, Neighbors, Score, frechet, kid, neighbor_scores};

/// How much a set of pictures is like a set of real ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores(Vec<(Score, Estimate)>);

impl Scores {
    /// The fewest pictures that a set may have.
    pub const MIN_PICTURES: usize = 6;

    /// Compares the features of `pictures` with those of `real` ones: all scores by one network and these two sets alone.
    ///
    /// # Shapes
    /// - `real`: `[n, d]`, `pictures`: `[m, d]`: a row of features for each picture
    ///
    /// # Panics
    /// If there are fewer rows than [`Scores::MIN_PICTURES`], if the columns differ in number, or if a feature isn't finite.
    pub fn new(real: &Matrix, pictures: &Matrix, left_out: &LeftOut) -> Self {
        let mut scoring = Scoring::new(real.clone(), pictures.clone(), left_out.clone());
        loop {
            scoring = match scoring.next() {
                Ok(scores) => return scores,
                Err(rest) => rest,
            };
        }
    }

    /// Adds a score.
    pub fn push(&mut self, score: Score, estimate: Estimate) {
        self.0.push((score, estimate));
        self.0.sort_by_key(|(score, _)| *score);
    }

    /// A score, if it was computed.
    pub fn get(&self, score: Score) -> Option<&Estimate> {
        self.iter().find(|(found, _)| *found == score).map(|(_, estimate)| estimate)
    }

    /// All of them, in the order of [`Score`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Score, &Estimate)> {
        self.0.iter().map(|(score, estimate)| (*score, estimate))
    }
}

/// The same in pieces of about a second for 1,000 pictures, so that other work gets in between.
#[derive(Clone, Debug)]
pub struct Scoring {
    real: Matrix,
    pictures: Matrix,
    left_out: LeftOut,
    done: Scores,
}

impl Scoring {
    /// Nothing is computed yet.
    pub fn new(real: Matrix, pictures: Matrix, left_out: LeftOut) -> Self {
        Self { real, pictures, left_out, done: Scores::default() }
    }

    /// Computes a piece, and returns what is left to do, as an error, or all scores.
    ///
    /// # Errors
    /// Itself, while there is more to do.
    ///
    /// # Panics
    /// As [`Scores::new`].
    #[expect(clippy::result_large_err, reason = "it is the usual case, not an error")]
    pub fn next(mut self) -> Result<Scores, Self> {
        let Self { real, pictures, left_out, done } = &mut self;
        if done.get(Score::Fd).is_none() {
            done.push(Score::Fd, frechet(real, pictures, left_out));
        } else if done.get(Score::Kid).is_none() {
            done.push(Score::Kid, kid(real, pictures, left_out));
        } else {
            let NeighborScores { precision, recall, density, coverage } =
                neighbor_scores(real, pictures, Neighbors::default(), left_out);
            done.push(Score::Precision, precision);
            done.push(Score::Recall, recall);
            done.push(Score::Density, density);
            done.push(Score::Coverage, coverage);
            return Ok(self.done);
        }
        Err(self)
    }
}

/// How much better one set of pictures is than another by one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first one is better by more than noise.
    Better,
    /// The first one is worse by more than noise.
    Worse,
    /// The difference may be chance.
    Noise,
}

impl Verdict {
    /// Differences below so many standard errors may be chance: 5 % of those between equals are larger, by Student's distribution
    /// for 20 groups.
    const ERRORS: f64 = 2.09;

    /// Compares two sets by a score; nothing without standard errors. Both must be compared with the same real pictures, whose
    /// groups were left out together.
    pub fn of(score: Score, first: &Estimate, second: &Estimate) -> Option<Self> {
        let difference = first.with(second, |a, b| a - b);
        let error = difference.standard_error()?;
        // Not a number is no difference.
        let is_sure = difference.value.abs() > Self::ERRORS * error;
        Some(match () {
            () if !is_sure => Self::Noise,
            () if (difference.value > 0.0) == score.grows() => Self::Better,
            () => Self::Worse,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};

    fn normals(rows: usize, position: u64, scale: f64) -> Matrix {
        let values = Random::new(8, Stream::Init, position).normals(rows * 4);
        Matrix::new(4, values.into_iter().map(|value| f64::from(value) * scale).collect())
    }

    #[test]
    fn the_smallest_sets_have_scores_and_a_set_is_like_itself() {
        let set = normals(Scores::MIN_PICTURES, 0, 1.0);
        let scores = Scores::new(&set, &set, &LeftOut::random(6, 6, 0));
        let value = |score| scores.get(score).unwrap().value;
        assert!(value(Score::Fd).abs() < 1e-6, "{scores:?}");
        assert_eq!([Score::Precision, Score::Recall, Score::Coverage].map(value), [1.0; 3]);
        assert!(value(Score::Kid) < 0.0, "the unbiased estimate for a copy: {scores:?}");
        assert!(scores.iter().all(|(_, estimate)| estimate.standard_error().is_none()));
    }

    #[test]
    fn a_verdict_tells_a_difference_from_chance_and_knows_which_way_is_good() {
        let real = normals(300, 0, 1.0);
        let scores = |pictures: &Matrix| Scores::new(&real, pictures, &LeftOut::random(300, 300, 0));
        let [good, as_good, narrow] =
            [(1, 1.0), (2, 1.0), (3, 0.3)].map(|(at, scale)| scores(&normals(300, at, scale)));
        let verdict = |score: Score, a: &Scores, b: &Scores| Verdict::of(score, a.get(score)?, b.get(score)?);
        for score in [Score::Fd, Score::Kid, Score::Recall, Score::Coverage] {
            assert_eq!(verdict(score, &good, &as_good), Some(Verdict::Noise), "{score:?}");
            assert_eq!(verdict(score, &good, &narrow), Some(Verdict::Better), "{score:?}");
            assert_eq!(verdict(score, &narrow, &good), Some(Verdict::Worse), "{score:?}");
        }
        // Pictures that keep to the middle lie among the real ones.
        assert_eq!(verdict(Score::Density, &narrow, &good), Some(Verdict::Better));
    }
}
