//! Ruby.

use crate::{CONFLICT, at};

const CLASS: &str = "class A < B\n  def one\n    1\n  end\n@end\n";
const TWO: &str = "\n  def two(a)\n    2 * a\n  end\n";
const SIX: &str = "\n  def self.six\n    run(true)\n  end\n";
const TEXT: &str = "class T\n  TEXT = <<~EOS\nend (\n  EOS\n@end\n";

merges! { "a.rb";
    two_methods_of_one_class_both_stand: [
        at(CLASS, ""), at(CLASS, TWO), at(CLASS, SIX)
    ] => Some(&at(CLASS, &[SIX, TWO].concat()));
    an_end_and_a_bracket_in_a_heredoc_are_none: [
        at(TEXT, ""), at(TEXT, TWO), at(TEXT, SIX)
    ] => Some(&at(TEXT, &[SIX, TWO].concat()));
    two_blocks_at_one_place_both_stand: [
        "task :a\n\ntask :z\n",
        "task :a\n\nnamespace :db do\n  run(1)\nend\n\ntask :z\n",
        "task :a\n\nfiles.each do |file|\n  file.close\nend\n\ntask :z\n"
    ] => Some("task :a\n\nnamespace :db do\n  run(1)\nend\n\nfiles.each do |file|\n  file.close\nend\n\ntask :z\n");
    one_method_that_both_add_stays_in_conflict: [
        at(CLASS, ""), at(CLASS, TWO), at(CLASS, &TWO.replace("2 * a", "other(a, true)"))
    ] => CONFLICT;
    one_call_with_one_first_argument_stays_in_conflict: [
        "gem 'a'\n", "gem 'a'\ngem 'c', '~> 1.0'\n", "gem 'a'\ngem \"c\", require: false, path: '../c'\n"
    ] => CONFLICT;
    an_addition_stays_out_of_a_block_that_the_other_side_opened: [
        "run\nlast\n", "run\nif ready(now)\nlast\nend\n", "run\nstart.all\nlast\n"
    ] => Some("run\nstart.all\nif ready(now)\nlast\nend\n");
    a_method_beside_new_private_ones_stays_in_conflict: [
        at(CLASS, ""), at(CLASS, TWO), at(CLASS, "\n  private\n\n  def hidden\n    run(true)\n  end\n")
    ] => CONFLICT;
    a_class_that_moved_above_its_new_base_stays_in_conflict: [
        ["class A\n  X = 1\nend\n\n", "class C\nend\n\n", "class B\n  Y = 1\nend\n"].concat(),
        ["class B\n  Y = 1\nend\n\n", "class A\n  X = 1\nend\n\n", "class C\nend\n"].concat(),
        ["class A\n  X = 1\nend\n\n", "class C\nend\n\n", "class B < A\n  Y = 1\nend\n"].concat()
    ] => CONFLICT;
}
