package events

import "fmt"

// The types of this file have private fields. Each formats itself as %+v would, whatever
// the verb: for a verb that fits one of its fields no better than %s fits a pointer, fmt
// would print that field raw.

// Format implements [fmt.Formatter].
func (r Request) Format(f fmt.State, _ rune) {
	type fields Request
	show(f, fields(r))
}

// Format implements [fmt.Formatter].
func (s Scope) Format(f fmt.State, _ rune) {
	type fields Scope
	show(f, fields(s))
}

// Format implements [fmt.Formatter].
func (i Item) Format(f fmt.State, _ rune) {
	type fields Item
	show(f, fields(i))
}

// Format implements [fmt.Formatter].
func (c Cancel) Format(f fmt.State, _ rune) {
	type fields Cancel
	show(f, fields(c))
}

// Format implements [fmt.Formatter].
func (p Permit) Format(f fmt.State, _ rune) {
	type fields Permit
	show(f, fields(p))
}

// Format implements [fmt.Formatter].
func (r Report) Format(f fmt.State, _ rune) {
	type fields Report
	show(f, fields(r))
}

// Format implements [fmt.Formatter].
func (r Receipt) Format(f fmt.State, _ rune) {
	type fields Receipt
	show(f, fields(r))
}

// Format implements [fmt.Formatter].
func (o Operation) Format(f fmt.State, _ rune) {
	type fields Operation
	show(f, fields(o))
}

func show(f fmt.State, fields any) { _, _ = fmt.Fprintf(f, "%+v", fields) }
