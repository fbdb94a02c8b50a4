// Command bench measures, in one run on one machine, the physical limits and todosync side by side. `make bench` runs it.
//
// The limits are loops of about a page each, with no order, no retry and no state: publish to a synced JetStream (L0), POST
// through net/http (L1), the same fed by a pull consumer (L2), with the body rendered from 12 placeholders (L3), and with a
// row per delivery committed before the acknowledgement (L4). todosync is the program as it is shipped: `todosync serve` as
// a process, on a data folder of its own.
//
// Every part is a process of its own, on loopback: the fake OA, the NATS server of the loops, the generator, a loop or todosync.
// They are this program again, called by the name of their part (see parts). The conductor starts them, reads the kernel's
// clock of each one's processor time, and asks the OA's ledger what came.
//
// Its invariant: a figure stands on an exact ledger. Every event has a serial number that goes through the template into the
// request; the OA counts each one and keeps when it came. A run in which one is missing, came twice, or came before an older
// one of its todo has no figure; nor has one in which the generator was late or the fake OA took up most of the machine.
//
// It is not for: micro-benchmarks, which are ordinary Go benchmarks beside what they measure.
//
// Callers: `make bench`, and the test of this package, which runs all of it with a handful of events.
package main
