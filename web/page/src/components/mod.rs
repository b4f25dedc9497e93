//! What is on the screen, one component per file.

mod advanced;
mod app;
mod attention;
mod chart;
mod check;
mod checkpoint;
mod complaint;
mod controls;
mod drop_overlay;
mod file_picker;
mod fresh_pictures;
mod header;
mod length_field;
mod loss_chart;
mod notice_list;
mod numbers;
mod pictures;
mod play;
mod problems;
mod remedies;
mod runs;
mod sample_grid;
mod score_chart;
mod setting_field;
mod settings;
mod shortcuts;
mod slider;
mod status_line;
mod strip;
mod tiles;
mod timeline;
mod uplot;
mod watched;
mod watched_controls;

pub use app::App;
pub use watched::WatchedApp;
