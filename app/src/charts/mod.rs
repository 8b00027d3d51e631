//! Charts: a pure [`spec::ChartSpec`] becomes SVG by plotters, on the server and in the browser
//! alike; words, axes, crosshair and tooltip are HTML laid over it. The plot is never drawn again
//! because a pointer moved.

pub mod absence;
mod backend;
pub mod chart;
pub mod draw;
pub mod fan;
pub mod flags;
pub mod heat;
pub mod later;
pub mod reading;
mod seen;
pub mod shared;
pub mod spark;
pub mod spec;
pub mod stack;
pub mod ticks;
pub mod timeline;
pub mod topology;
