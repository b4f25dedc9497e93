//! What is on the screen, a part a file.

mod app;
mod checkpoint;
mod controls;
mod drop_overlay;
mod fields;
mod file_picker;
mod header;
mod length_field;
mod loss_chart;
mod notice_list;
mod numbers;
mod pictures;
mod problems;
mod sample_grid;
mod settings;
mod status_line;
mod strip;
mod timeline;
mod uplot;

pub use app::App;
