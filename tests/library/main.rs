//! Everything about the library that needs more than one module: one binary, because linking burn takes its time.

mod checkpoint;
mod golden;
mod run;
mod support;
