//! A generator to give away: as ONNX for other programs, as a page that draws by itself, and the model card beside it.
//!
//! A family of networks is described once, as the list of its layers; [`Graph`] makes standard operations of that list, and both
//! formats are written from the graph.

mod card;
mod graph;
mod html;
mod onnx;

pub use card::{Card, Evaluation, Found, Measured};
pub use graph::{Graph, Node, Op, Value};
pub use html::html;
pub use onnx::{OPSET, onnx};
