//! The only place that names a crypto dependency.
