//! A graph as ONNX: <https://onnx.ai/onnx/intro/concepts.html>.

use std::borrow::Cow;

use onnx_rs::ast::{
    Attribute, AttributeType, DataType, Dimension, Graph as OnnxGraph, Model, Node as OnnxNode, OpType, OperatorSetId,
    StringStringEntry, TensorProto, TensorShape, TensorShapeDimension, TensorTypeProto, TypeProto, TypeValue,
    ValueInfo,
};

use super::graph::{Graph, Node, Op, Value};
use crate::models::layers::{Size, values};

/// Version of the standard operators: what ONNX 1.12 (2022) brought, so runtimes and converters of the years since read it.
pub const OPSET: i64 = 17;

/// Version of the file format that belongs to it.
const IR_VERSION: i64 = 8;

/// What the batch's length is called.
const BATCH: &str = "batch";

const Z: &str = "z";
const CLASS: &str = "class";
const IMAGE: &str = "image";

/// The whole file.
///
/// Inputs are `z`, float `[batch, latent]`, standard normal, and, of a generator with classes, `class`, int64 `[batch]`. The output is
/// `image`, float `[batch, channels, height, width]` in [-1, 1]. Truncation is no input: it is a factor on z.
pub fn onnx(graph: &Graph<'_>) -> Vec<u8> {
    let z = Named { name: Z.to_owned(), is_matrix: true };
    let mut writer = Writer { graph, steps: Vec::new(), constants: Vec::new(), values: vec![z] };
    for (index, node) in graph.nodes.iter().enumerate() {
        let output = if index + 1 == graph.nodes.len() { IMAGE } else { &node.name };
        writer.add(node, output);
    }
    writer.encode()
}

/// What a value of the graph is called in the file.
#[derive(Clone)]
struct Named {
    name: String,
    /// `[batch, length]`, as dense layers take and give it; else `[batch, channels, rows, columns]`.
    is_matrix: bool,
}

/// A node of the file, by the name of what it gives.
struct Step {
    kind: &'static str,
    inputs: Vec<String>,
    output: String,
    attributes: Vec<Attribute<'static>>,
}

/// A tensor of the file that is none of the checkpoint's.
struct Constant {
    name: String,
    shape: Vec<i64>,
    data_type: DataType,
    bytes: Vec<u8>,
}

struct Writer<'g, 'a> {
    graph: &'g Graph<'a>,
    steps: Vec<Step>,
    constants: Vec<Constant>,
    values: Vec<Named>,
}

impl Writer<'_, '_> {
    /// Adds a node of the graph, whose value is called `output`.
    fn add(&mut self, node: &Node, output: &str) {
        let Named { name: input, is_matrix } = self.values[node.input].clone();
        let graph = self.graph;
        let tensor = |index: usize| graph.name_of(index).to_owned();
        let tensors =
            |indices: &[Option<usize>]| -> Vec<String> { indices.iter().flatten().copied().map(tensor).collect() };
        let kernel_of = |weight: usize| graph.tensors[weight].shape[2];
        match node.op {
            Op::AppendClass { embedding } => {
                let row = format!("{output}/row");
                self.step("Gather", vec![tensor(embedding), CLASS.to_owned()], &row, vec![]);
                self.step("Concat", vec![input, row], output, vec![int("axis", 1)]);
                self.values.push(Named { name: output.to_owned(), is_matrix: true });
            }
            Op::Linear { weight, bias } => {
                let inputs = [vec![input], tensors(&[Some(weight), bias])].concat();
                let [channels, ..] = node.output;
                let is_matrix = values(node.output) == channels;
                let rows = if is_matrix { output.to_owned() } else { format!("{output}/rows") };
                self.step("Gemm", inputs, &rows, vec![int("transB", 1)]);
                if !is_matrix {
                    self.reshape(&rows, node.output, output);
                }
                self.values.push(Named { name: output.to_owned(), is_matrix });
            }
            // A slope of 0 is a ReLU, and a field of 0 would be left out of the file.
            Op::LeakyRelu { slope: 0.0 } => self.by_value("Relu", node, output, vec![]),
            Op::LeakyRelu { slope } => self.by_value("LeakyRelu", node, output, vec![float("alpha", slope)]),
            Op::Tanh => self.by_value("Tanh", node, output, vec![]),
            Op::Clamp => {
                let ends =
                    [("clamp/low", -1.0f32), ("clamp/high", 1.0)].map(|(name, end)| self.floats(name, &[], &[end]));
                self.step("Clip", [vec![input], ends.to_vec()].concat(), output, vec![]);
                self.values.push(Named { name: output.to_owned(), is_matrix });
            }
            Op::Conv { weight, bias, stride, padding, groups } => {
                let attributes = window(kernel_of(weight), stride, [padding; 4], groups);
                self.by_map("Conv", node, tensors(&[Some(weight), bias]), output, attributes);
            }
            Op::ConvTranspose { weight, stride, padding } => {
                let attributes = window(kernel_of(weight), stride, [padding; 4], 1);
                self.by_map("ConvTranspose", node, vec![tensor(weight)], output, attributes);
            }
            Op::BatchNorm { gamma, beta, mean, variance, epsilon } => {
                let others = [gamma, beta, mean, variance].map(tensor).to_vec();
                self.by_map("BatchNormalization", node, others, output, vec![float("epsilon", epsilon as f32)]);
            }
            Op::NearestUp => {
                let scales = self.floats("nearest_up/scales", &[4], &[1.0, 1.0, 2.0, 2.0]);
                let attributes = vec![
                    text("mode", b"nearest"),
                    text("coordinate_transformation_mode", b"asymmetric"),
                    text("nearest_mode", b"floor"),
                ];
                // Without a region of interest.
                self.by_map("Resize", node, vec![String::new(), scales], output, attributes);
            }
            Op::BlurUp => {
                let [channels, ..] = node.output;
                // [1, 2, 1]ᵀ [1, 2, 1] / 4 for every channel. What would come before the first pixel is cut off.
                let line = [0.5f32, 1.0, 0.5];
                let square = line.map(|row| line.map(|column| row * column)).concat();
                let kernel =
                    self.floats(&format!("blur_up/{channels}"), &[channels, 1, 3, 3], &square.repeat(channels));
                self.by_map("ConvTranspose", node, vec![kernel], output, window(3, 2, [1, 1, 0, 0], channels));
            }
            Op::Basis { basis } => self.by_map("Mul", node, vec![tensor(basis)], output, vec![]),
            Op::Add { other } => {
                let other = self.map(other);
                self.by_map("Add", node, vec![other], output, vec![]);
            }
        }
    }

    /// Adds an operation that treats every number alike.
    fn by_value(&mut self, kind: &'static str, node: &Node, output: &str, attributes: Vec<Attribute<'static>>) {
        let Named { name, is_matrix } = self.values[node.input].clone();
        self.step(kind, vec![name], output, attributes);
        self.values.push(Named { name: output.to_owned(), is_matrix });
    }

    /// Adds an operation from maps, and `others`, to maps.
    fn by_map(
        &mut self,
        kind: &'static str,
        node: &Node,
        others: Vec<String>,
        output: &str,
        attributes: Vec<Attribute<'static>>,
    ) {
        let input = self.map(node.input);
        self.step(kind, [vec![input], others].concat(), output, attributes);
        self.values.push(Named { name: output.to_owned(), is_matrix: false });
    }

    fn step(&mut self, kind: &'static str, inputs: Vec<String>, output: &str, attributes: Vec<Attribute<'static>>) {
        self.steps.push(Step { kind, inputs, output: output.to_owned(), attributes });
    }

    /// The name of a value with four dimensions.
    fn map(&mut self, value: Value) -> String {
        let Named { name, is_matrix } = self.values[value].clone();
        if !is_matrix {
            return name;
        }
        let map = format!("{name}/map");
        self.reshape(&name, self.graph.size(value), &map);
        self.values[value] = Named { name: map.clone(), is_matrix: false };
        map
    }

    fn reshape(&mut self, from: &str, [channels, rows, columns]: Size, to: &str) {
        let shape = [-1, channels as i64, rows as i64, columns as i64];
        let bytes = shape.iter().flat_map(|length: &i64| length.to_le_bytes()).collect();
        let shape = self.constant(format!("shape/{channels}x{rows}x{columns}"), vec![4], DataType::Int64, bytes);
        self.step("Reshape", vec![from.to_owned(), shape], to, vec![]);
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name.to_owned(), dims(shape), DataType::Float, bytes)
    }

    /// A tensor by a name that tells all of it.
    fn constant(&mut self, name: String, shape: Vec<i64>, data_type: DataType, bytes: Vec<u8>) -> String {
        if !self.constants.iter().any(|constant| constant.name == name) {
            self.constants.push(Constant { name: name.clone(), shape, data_type, bytes });
        }
        name
    }

    fn encode(&self) -> Vec<u8> {
        let graph = self.graph;
        let meta = graph.meta;
        let weights: Vec<Cow<'_, [u8]>> = graph.tensors.iter().map(|tensor| little_endian(&tensor.values)).collect();
        let of_checkpoint = graph.tensors.iter().zip(&weights).enumerate().map(|(index, (tensor, bytes))| {
            TensorProto::from_raw(graph.name_of(index), dims(&tensor.shape), DataType::Float, bytes)
        });
        let constants = self.constants.iter().map(|Constant { name, shape, data_type, bytes }| {
            TensorProto::from_raw(name, shape.clone(), *data_type, bytes)
        });
        let nodes = self.steps.iter().map(|Step { kind, inputs, output, attributes }| OnnxNode {
            op_type: OpType::from(*kind),
            name: output,
            input: inputs.iter().map(String::as_str).collect(),
            output: vec![output],
            attribute: attributes.clone(),
            ..Default::default()
        });
        let [channels, rows, columns] = graph.picture();
        let mut input = vec![value_info(Z, DataType::Float, &[graph.latent])];
        if !graph.classes.is_empty() {
            input.push(value_info(CLASS, DataType::Int64, &[]));
        }
        let classes = serde_json::to_string(graph.classes).expect("a list of names always serialises");
        let nimg = meta.progress.nimg.to_string();
        let mut properties = vec![
            ("whelp.recipe", meta.config.recipe.as_str()),
            ("whelp.data", &meta.data.name),
            ("whelp.fingerprint", &meta.data.fingerprint),
            ("whelp.images_seen", &nimg),
        ];
        if !graph.classes.is_empty() {
            properties.push(("whelp.classes", &classes));
        }
        let about = "z: standard normal, times the truncation if any. image: [-1, 1], channels first.";
        onnx_rs::encode(&Model {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetId { domain: "", version: OPSET }],
            producer_name: "Whelp",
            producer_version: env!("CARGO_PKG_VERSION"),
            doc_string: about,
            metadata_props: properties.into_iter().map(|(key, value)| StringStringEntry { key, value }).collect(),
            graph: Some(OnnxGraph {
                name: "generator",
                node: nodes.collect(),
                initializer: of_checkpoint.chain(constants).collect(),
                input,
                output: vec![value_info(IMAGE, DataType::Float, &[channels, rows, columns])],
                ..Default::default()
            }),
            ..Default::default()
        })
    }
}

/// As the file has numbers, whatever the machine.
fn little_endian(values: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::cast_slice(values))
    } else {
        Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }
}

fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|length| *length as i64).collect()
}

/// An input or output with one more dimension, the batch's, before `shape`.
fn value_info(name: &'static str, elem_type: DataType, shape: &[usize]) -> ValueInfo<'static> {
    let lengths = shape.iter().map(|length| Dimension::Value(*length as i64));
    let dim = [Dimension::Param(BATCH)].into_iter().chain(lengths);
    let dim = dim.map(|value| TensorShapeDimension { value, ..Default::default() }).collect();
    let tensor = TensorTypeProto { elem_type, shape: Some(TensorShape { dim }) };
    let r#type = Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), ..Default::default() });
    ValueInfo { name, r#type, ..Default::default() }
}

/// How a square kernel moves. `padding` is what ONNX calls pads: before rows and columns, and after them.
fn window(kernel: usize, stride: usize, padding: [usize; 4], groups: usize) -> Vec<Attribute<'static>> {
    vec![
        ints("kernel_shape", &[kernel; 2]),
        ints("strides", &[stride; 2]),
        ints("pads", &padding),
        int("group", groups as i64),
    ]
}

fn int(name: &'static str, i: i64) -> Attribute<'static> {
    Attribute { name, r#type: AttributeType::Int, i, ..Default::default() }
}

fn ints(name: &'static str, values: &[usize]) -> Attribute<'static> {
    Attribute { name, r#type: AttributeType::Ints, ints: dims(values), ..Default::default() }
}

fn float(name: &'static str, f: f32) -> Attribute<'static> {
    Attribute { name, r#type: AttributeType::Float, f, ..Default::default() }
}

fn text(name: &'static str, s: &'static [u8]) -> Attribute<'static> {
    Attribute { name, r#type: AttributeType::String, s, ..Default::default() }
}
