//! `cargo compare`: every figure of the project, side by side with what people use instead.

fn main() -> anyhow::Result<()> {
    backscroll_benches::compare::main()
}
