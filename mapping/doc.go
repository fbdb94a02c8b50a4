// Package mapping turns an event into the request that one OA wants, and an OA's answer into a verdict's raw material.
//
// A connection's addresses, headers and bodies are templates: literal text as an OA's manual shows it, with placeholders
// such as #F012 and ${base} where values go. [Compile] reads a template once, when a connection is loaded: it finds out
// what the text is (JSON, XML, a URL, a form, plain text, and each of these inside another), and decides for each
// placeholder how its values are escaped. [Template.Append] then only writes: literal, escaped value, literal. It never
// parses what it has written.
//
// [ParseDoc] reads an event in one pass. [ParseFields] reads the placeholders that an integrator adds to the catalogue.
// [CompileResult] and [Result.Read] find code, message and data in an answer, be it JSON, XML, or JSON inside XML.
//
// The package is pure: it does no input or output, starts nothing, asks no clock and keeps no state; what a rendering
// needs stands in its [Scope]. It knows nothing of connections, deliveries, retries or HTTP, and it does not judge: it
// says what an answer holds, and the caller says what follows.
//
// Its one invariant: no value breaks out of its place. Whatever an event, a binding or a secret holds, the rendered text
// parses to the same tree as the template, and the value reads back from its leaf. The only exceptions are characters
// that the target cannot hold: bytes that are not UTF-8 become U+FFFD, and what XML 1.0 forbids is dropped.
//
// Package connector calls it: once per revision to compile, once per try to render and read. The editor, render, try and
// draft use the same functions, so a preview is what will be sent.
package mapping
