// Package difference finds what two sequences of texts have in common: the lines of two files, the words of two lines.
//
// It is not for showing differences (web/console) nor for applying them. The search itself is that of gopls, which gives up exactness where
// very much differs; what stands exactly once on both sides is held together before, so that a file with many changes is compared piece by
// piece, fast and well.
//
// Its invariant: pairs rise on both sides, and both sides of each say the same. What is in no pair was taken out or put in.
//
//	for _, p := range difference.Pairs(before, now) { ... before[p.Was] == now[p.Is] ... }
//
// Blanks and the ends of lines are told apart: who wants them alike, or upper and lower case, changes both sides before. It keeps nothing
// and may be called by many at once.
//
// The console's differences and the rehearsal of a retry call it.
package difference
