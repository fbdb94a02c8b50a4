package main

// measures are all that is measured, in the order of the first round.
func measures() []measure {
	list := limitMeasures()
	list = append(list, drainMeasures()...)
	return list
}

// claims are the lines of the table.
func claims() []claim {
	return []claim{
		{What: "L0 publish and wait for the ack, synced", Key: "L0 waiting", Value: "rate", Unit: "/s"},
		{What: "L0 publish asynchronously, synced", Key: "L0 asynchronous", Value: "rate", Unit: "/s"},
		{What: "L1 bare POST loop, 64 connections", Key: "L1", Value: "rate", Unit: "/s"},
		{What: "L1 processor per 10,000", Key: "L1", Value: "cpu", Unit: "s"},
		{What: "L2 pull consumer, POST, ack", Key: "L2", Value: "rate", Unit: "/s"},
		{What: "L2 processor per 10,000", Key: "L2", Value: "cpu", Unit: "s"},
		{What: "L3 and the body rendered", Key: "L3", Value: "rate", Unit: "/s"},
		{What: "L3 processor per 10,000", Key: "L3", Value: "cpu", Unit: "s"},
		{What: "L4 and a row in SQLite before the ack", Key: "L4", Value: "rate", Unit: "/s"},
		{What: "L4 processor per 10,000", Key: "L4", Value: "cpu", Unit: "s"},
		{What: "SQLite, 1 row a commit", Key: "SQLite rows 1", Value: "rate", Unit: "/s"},
		{What: "SQLite, 10 rows a commit", Key: "SQLite rows 10", Value: "rate", Unit: "/s"},
		{What: "SQLite, 100 rows a commit", Key: "SQLite rows 100", Value: "rate", Unit: "/s"},
		{What: "SQLite, 1000 rows a commit", Key: "SQLite rows 1000", Value: "rate", Unit: "/s"},
		{What: "drain, embedded NATS", Key: "drain", Value: "rate", Unit: "/s", Against: "L4", Target: 0.75, Stretch: 0.9},
		{What: "drain, processor of todosync with its NATS per 10,000", Key: "drain", Value: "cpuWithNATS", Unit: "s", Against: "L4"},
		{What: "drain, NATS apart", Key: "drain, NATS apart", Value: "rate", Unit: "/s", Against: "L4"},
		{
			What: "drain, processor of the worker per 10,000", Key: "drain, NATS apart", Value: "cpu", Unit: "s", Against: "L4",
			Target: 1.4, Stretch: 1.1, AtMost: true,
		},
		{What: "drain, processor of all processes per 10,000", Key: "drain", Value: "cpuAll", Unit: "s", Against: "L4"},
		{What: "memory, draining", Key: "drain", Value: "memoryMiB", Unit: "MiB", Target: 100, Stretch: 64, AtMost: true},
		{What: "connections opened to the OA in a drain", Key: "drain", Value: "opened", Unit: ""},
	}
}
