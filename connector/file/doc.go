// Package file reads the files in which integrators and administrators describe connections and tenants, and checks
// them whole.
//
// [Parse] takes YAML or JSON, one or more documents, and gives for each document that is right its settings, with the
// preset and the defaults filled in, and its [Document.Source]: the document alone, as JSON in canonical order. The source is what a
// revision keeps, what `export` prints again ([Marshal]) and what "unchanged" compares; the settings are what runs.
// [ReadFiles] does the same for files and folders. [Schema] describes the format to editors.
//
// Everything that is wrong is told at once, as [Problems], each with file, line, column and path, the nearest right name where
// a name is unknown, in English or Chinese. A mistake inside a body is shown at its line of the file. Nothing is told twice:
// what is wrong already is left out of the checks that follow.
//
// The way of a document: bytes -> text (UTF-8, bounded) -> nodes with places -> held against the shape of package connector's
// types -> laid over the preset -> decoded over the defaults -> checked for what it means, its templates compiled and
// rendered with a sample event -> compiled as the worker will.
//
// The package does not store anything, does not know which secrets are set or which tenants exist, opens no connection,
// and reads no file that settings name (certificates).
//
// Its one invariant: a document without a problem compiles. Whoever stores what Parse has found right can run it.
//
// The commands validate, apply, render and draft call it, the API's PUT and validate routes, and the console's editor.
package file
