//! A drawing backend for plotters that writes SVG with CSS classes instead of colours, in tenths of
//! a unit instead of whole ones: themes work, and thin lines stay smooth.
//!
//! A colour handed to plotters is only the number of a class: red carries it.

use std::fmt::Write;

use plotters::style::RGBColor;
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};

/// Backend units for one unit of the plot.
pub(super) const SCALE: f64 = 10.0;

/// The colour that stands for a class.
pub(super) fn class_number(number: usize) -> RGBColor {
    RGBColor(u8::try_from(number).unwrap_or(u8::MAX), 0, 0)
}

pub(super) struct ClassBackend<'a> {
    pub(super) out: &'a mut String,
    pub(super) size: (u32, u32),
    pub(super) classes: &'a [String],
}

type Drawn = Result<(), DrawingErrorKind<std::fmt::Error>>;

impl ClassBackend<'_> {
    fn class(&self, color: BackendColor) -> &str {
        self.classes.get(usize::from(color.rgb.0)).map_or("", String::as_str)
    }

    fn path(&mut self, points: impl IntoIterator<Item = BackendCoord>, color: BackendColor, close: bool) -> Drawn {
        let mut path = String::new();
        for (i, (x, y)) in points.into_iter().enumerate() {
            let letter = if i == 0 { 'M' } else { 'L' };
            write!(path, "{letter}{:.1} {:.1}", f64::from(x) / SCALE, f64::from(y) / SCALE)
                .map_err(DrawingErrorKind::DrawingError)?;
        }
        let close = if close { "Z" } else { "" };
        let class = self.class(color).to_string();
        write!(self.out, "<path class=\"{class}\" d=\"{path}{close}\"/>").map_err(DrawingErrorKind::DrawingError)
    }
}

impl DrawingBackend for ClassBackend<'_> {
    type ErrorType = std::fmt::Error;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Drawn {
        self.path([at, at], color, false)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.path([from, to], style.color(), false)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        self.path(path, style.color(), false)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, vertices: I, style: &S) -> Drawn {
        self.path(vertices, style.color(), true)
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, _fill: bool) -> Drawn {
        self.path([a, (b.0, a.1), b, (a.0, b.1)], style.color(), true)
    }

    fn draw_circle<S: BackendStyle>(&mut self, centre: BackendCoord, _radius: u32, style: &S, _fill: bool) -> Drawn {
        // A zero-length stroke with round caps keeps its shape when the plot is stretched.
        let (x, y) = (f64::from(centre.0) / SCALE, f64::from(centre.1) / SCALE);
        let class = self.class(style.color()).to_string();
        write!(self.out, "<path class=\"{class}\" d=\"M{x:.1} {y:.1}h.01\"/>").map_err(DrawingErrorKind::DrawingError)
    }

    fn draw_text<T: BackendTextStyle>(&mut self, _: &str, _: &T, _: BackendCoord) -> Drawn {
        // Words are HTML; their measure differs between server and browser.
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        _: &str,
        _: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Self::ErrorType>> {
        Ok((0, 0))
    }
}
