// Package preset holds ready connections for known OA systems.
//
// A preset is a folder: connection.yaml holds settings that a connection file need not repeat, settings.json what an integrator
// has to give (variables and secrets, each with a line that says what it is), event.json a sample event, want/ the
// request of each scene that the sample leads to, and README.md what to ask the OA's administrator for. All of it is data,
// embedded in the program; a new OA needs a folder and no code.
//
// The package only hands the data out. It does not merge a preset into a connection, nor check it: package connector/file does both,
// and a test there and here holds every preset to the same rules as a file that a person writes.
//
// Its one invariant: what [Settings] asks for is enough. A connection that names a preset and gives the variables that are
// required is complete; a test renders each scene of each preset with nothing else given.
//
// A revision keeps the preset's values as they were when it was saved, so a change here reaches a connection only when
// somebody saves it again.
//
// Package connector/file reads presets to complete files, package web/console and the command `connections new` to ask
// for what they need.
package preset
