package draft

import "regexp"

// holes are what a choice may hold beside text.
var holes = regexp.MustCompile(`#F[0-9]{3}|\$\{[^}\n]*\}`)

// heed puts what a person has chosen in place of what was guessed. A secret stays one: its value must not come into the file.
func (b *builder) heed(r *request) {
	for _, l := range r.leaves {
		for _, c := range b.o.Choices {
			if l.verdict == hidden || c.Scene != r.scene || c.Place != string(l.where) || c.Field != l.at() {
				continue
			}
			chosen := say("chosen by hand", "由您指定")
			if c.Right == l.sample {
				l.keep(chosen)
				continue
			}
			l.fill(Sure, chosen, chosenPieces(c.Right)...)
		}
	}
}

// chosenPieces takes a text with placeholders apart.
func chosenPieces(text string) []piece {
	var out []piece
	from := 0
	for _, at := range holes.FindAllStringIndex(text, -1) {
		if at[0] > from {
			out = append(out, literal(text[from:at[0]]))
		}
		out = append(out, hole(text[at[0]:at[1]]))
		from = at[1]
	}
	if from < len(text) || len(out) == 0 {
		out = append(out, literal(text[from:]))
	}
	return out
}
