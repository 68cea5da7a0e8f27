//! Values by number: equal ones have one, so that comparing and copying a value costs nothing, however much is in it.

use super::Value;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Number of a value.
pub(super) type Id = u32;

/// A value whose parts are numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node<'a> {
    Scalar(&'a str),
    List(Vec<Id>),
    /// By key, ascending.
    Map(Vec<(&'a str, Id)>),
}

impl<'a> Node<'a> {
    /// Spelling of a scalar.
    pub(super) fn spelled(&self) -> Option<&'a str> {
        match self {
            Node::Scalar(spelled) => Some(spelled),
            Node::List(_) | Node::Map(_) => None,
        }
    }

    /// Value of a map under a key.
    pub(super) fn under(&self, key: &str) -> Option<Id> {
        match self {
            Node::Map(map) => map.binary_search_by(|(known, _)| (*known).cmp(key)).ok().map(|at| map[at].1),
            Node::Scalar(_) | Node::List(_) => None,
        }
    }
}

/// The numbers that were given.
#[derive(Default)]
pub(super) struct Values<'a> {
    numbers: BTreeMap<Rc<Node<'a>>, Id>,
    nodes: Vec<Rc<Node<'a>>>,
}

impl<'a> Values<'a> {
    /// Number of a value.
    pub(super) fn of(&mut self, value: &'a Value) -> Id {
        let node = match value {
            Value::Scalar(spelled) => Node::Scalar(spelled),
            Value::List(items) => Node::List(items.iter().map(|item| self.of(item)).collect()),
            Value::Map(map) => Node::Map(map.iter().map(|(key, value)| (key.as_str(), self.of(value))).collect()),
        };
        self.number(node)
    }

    /// Number of what is made of numbers.
    pub(super) fn number(&mut self, node: Node<'a>) -> Id {
        let (node, next) = (Rc::new(node), self.nodes.len() as Id); // far below 2^32: a file has 256 KiB
        *self.numbers.entry(node).or_insert_with_key(|node| {
            self.nodes.push(node.clone());
            next
        })
    }

    /// The value of a number.
    pub(super) fn node(&self, id: Id) -> Rc<Node<'a>> {
        self.nodes[id as usize].clone()
    }
    /// The value of a number, written out.
    #[cfg(test)]
    pub(super) fn value(&self, id: Id) -> Value {
        match &*self.node(id) {
            Node::Scalar(spelled) => Value::Scalar((*spelled).to_owned()),
            Node::List(items) => Value::List(items.iter().map(|item| self.value(*item)).collect()),
            Node::Map(map) => Value::Map(map.iter().map(|(key, id)| ((*key).to_owned(), self.value(*id))).collect()),
        }
    }
}
