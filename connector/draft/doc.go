// Package draft proposes a connection from what an OA's manual shows: a sample body (JSON, XML or a form), a request with its headers, a curl
// command, or a WSDL.
//
// [From] keeps the left side of the sample, and puts on the right side of each field what it most likely stands for: a placeholder of the
// catalogue, a secret, or the sample's own value where that is the same for all todos. Each guess says why ([Guess]). What nothing
// speaks for is not invented: it stays as it is, and is listed as a decision that somebody has to make.
//
// The way of a source: bytes -> samples (curl, http, wsdl; a body alone is one without an address) -> leaves, the values with their places ->
// what the OA's own manual says of them where it is a known OA (vendor) -> what names, notes and sample values say (classify) -> what the
// fields say of each other (guess) -> a settings file with a comment a field (yaml).
//
// It is no parser of settings and no judge of them: whoever calls it has the file checked by package connector/file. It opens nothing by
// itself: what a source names (imports of a WSDL, @file of curl) is asked of Options.Open.
//
// Its one invariant: no value that looks like a secret is in anything that it gives back.
//
//	d, err := draft.From([]draft.Source{{Name: "curl.txt", Text: src}}, draft.Options{Tenant: "714439", Name: "oa"})
//	fmt.Print(d.File)
//
// The command draft, the API's draft route and the console's editor call it.
package draft
