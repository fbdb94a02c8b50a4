package main

// measures are all that is measured, in the order of the first round.
func measures() []measure {
	list := limitMeasures()
	list = append(list, drainMeasures()...)
	list = append(list, postgresMeasures()...)
	list = append(list, delayMeasures()...)
	list = append(list, pageMeasures()...)
	list = append(list, bulkMeasures()...)
	list = append(list, searchMeasures()...) // before crowdMeasures, which go on with its folder
	list = append(list, crowdMeasures()...)
	list = append(list, signOnMeasures()...)
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
		{What: "L4 on PostgreSQL", Key: "L4 on PostgreSQL", Value: "rate", Unit: "/s"},
		{What: "L4 on PostgreSQL, processor per 10,000", Key: "L4 on PostgreSQL", Value: "cpu", Unit: "s"},
		{What: "SQLite, 1 row a commit", Key: "SQLite rows 1", Value: "rate", Unit: "/s"},
		{What: "SQLite, 10 rows a commit", Key: "SQLite rows 10", Value: "rate", Unit: "/s"},
		{What: "SQLite, 100 rows a commit", Key: "SQLite rows 100", Value: "rate", Unit: "/s"},
		{What: "SQLite, 1000 rows a commit", Key: "SQLite rows 1000", Value: "rate", Unit: "/s"},
		{What: "PostgreSQL, 1 row a commit", Key: "PostgreSQL rows 1", Value: "rate", Unit: "/s"},
		{What: "PostgreSQL, 10 rows a commit", Key: "PostgreSQL rows 10", Value: "rate", Unit: "/s"},
		{What: "PostgreSQL, 100 rows a commit", Key: "PostgreSQL rows 100", Value: "rate", Unit: "/s"},
		{What: "PostgreSQL, 1000 rows a commit", Key: "PostgreSQL rows 1000", Value: "rate", Unit: "/s"},
		{What: "drain, embedded NATS", Key: "drain", Value: "rate", Unit: "/s", Against: "L4", Target: 0.75, Stretch: 0.9},
		{What: "drain, processor of todosync with its NATS per 10,000", Key: "drain", Value: "cpuWithNATS", Unit: "s", Against: "L4"},
		{What: "drain, NATS apart", Key: "drain, NATS apart", Value: "rate", Unit: "/s", Against: "L4"},
		{
			What: "drain, processor of the worker per 10,000", Key: "drain, NATS apart", Value: "cpu", Unit: "s", Against: "L4",
			Target: 1.4, Stretch: 1.1, AtMost: true,
		},
		{What: "drain, processor of all processes per 10,000", Key: "drain", Value: "cpuAll", Unit: "s", Against: "L4"},
		{What: "drain on PostgreSQL, 2 workers", Key: "drain on PostgreSQL", Value: "rate", Unit: "/s", Against: "L4 on PostgreSQL", Target: 0.6, Stretch: 0.8},
		{What: "drain on PostgreSQL, processor of the workers per 10,000", Key: "drain on PostgreSQL", Value: "cpu", Unit: "s", Against: "L4 on PostgreSQL"},
		{What: "memory, draining", Key: "drain", Value: "memoryMiB", Unit: "MiB", Target: 100, Stretch: 64, AtMost: true},
		{What: "connections to the OA at once in a drain (8 are allowed to each of 20)", Key: "drain", Value: "open", Target: 160, AtMost: true},
		{What: "connections opened in a drain, with reconnects", Key: "drain", Value: "opened"},
		{What: "requests at once in a drain", Key: "drain", Value: "atOnce"},
		{What: "500/s: ack to receipt, p50", Key: "delay at 500/s", Value: "ackP50", Unit: "ms", Target: 2, Stretch: 1, AtMost: true},
		{What: "500/s: ack to receipt, p99", Key: "delay at 500/s", Value: "ackP99", Unit: "ms", Target: 6, Stretch: 3, AtMost: true},
		{What: "500/s: due to receipt, p99", Key: "delay at 500/s", Value: "dueP99", Unit: "ms"},
		{What: "500/s: sent to ack (JetStream alone), p99", Key: "delay at 500/s", Value: "publishP99", Unit: "ms"},
		{What: "2,000/s: ack to receipt, p50", Key: "delay at 2000/s", Value: "ackP50", Unit: "ms", Target: 2, Stretch: 1, AtMost: true},
		{What: "2,000/s: ack to receipt, p99", Key: "delay at 2000/s", Value: "ackP99", Unit: "ms", Target: 6, Stretch: 3, AtMost: true},
		{What: "2,000/s: due to receipt, p99", Key: "delay at 2000/s", Value: "dueP99", Unit: "ms"},
		{What: "2,000/s: sent to ack (JetStream alone), p99", Key: "delay at 2000/s", Value: "publishP99", Unit: "ms"},
		{What: "an OA that takes 50 ms, 64 at once: share of 64 / 50 ms", Key: "OA takes 50 ms", Value: "ofPossible", Target: 0.9, Stretch: 0.95},
		{What: "one of 20 OAs hangs: rate of the other 19 in a drain", Key: "drain, one hangs", Value: "rate", Unit: "/s", Against: "drain", Target: 0.9, Stretch: 0.97},
		{What: "one of 20 OAs hangs: rate of the other 19, open loop", Key: "open loop, one hangs", Value: "rate", Unit: "/s", Against: "open loop, none hangs"},
		{
			What: "one of 20 OAs hangs: p99 of the other 19, open loop", Key: "open loop, one hangs", Value: "ackP99", Unit: "ms",
			Against: "open loop, none hangs", Target: 2, AtMost: true,
		},
		{What: "memory, idle", Key: "memory idle", Value: "memoryMiB", Unit: "MiB", Target: 40, Stretch: 30, AtMost: true},
		{What: "memory, 1,000,000 waiting and 10 million records", Key: "intake of what waits", Value: "memoryMiB", Unit: "MiB", Target: 120, Stretch: 64, AtMost: true},
		{What: "intake alone, with 10 million records", Key: "intake of what waits", Value: "rate", Unit: "/s"},
		{
			What: "many connections, few of them busy: drain", Key: "crowd drain", Value: "rate", Unit: "/s", Against: "drain", Target: 0.9,
		},
		{What: "many connections, few of them busy: memory", Key: "crowd drain", Value: "memoryMiB", Unit: "MiB", Target: 300, AtMost: true},
		{What: "many connections, idle: memory", Key: "crowd idle", Value: "memoryMiB", Unit: "MiB"},
		{What: "many connections, idle: share of a core", Key: "crowd idle", Value: "cpuShare", Unit: ""},
		{What: "many connections, idle: commits a second", Key: "crowd idle", Value: "commitsPerSecond", Unit: "/s"},
		{What: "many connections, idle: reading system calls a second", Key: "crowd idle", Value: "readsPerSecond", Unit: "/s"},
		{What: "start with 1,000,000 waiting and 10 million records", Key: "start with all", Value: "readySeconds", Unit: "s", Target: 2, AtMost: true},
		{What: "record search in 10 million, slowest filter's or pair of filters' median", Key: "search", Value: "worstP50", Unit: "ms", Target: 100, AtMost: true},
		{What: "record search in 10 million, median of all", Key: "search", Value: "searchP50", Unit: "ms"},
		{What: "record search in 10 million, p99 of all", Key: "search", Value: "searchP99", Unit: "ms"},
		{What: "sign-on, bare: signature, one row committed, redirect", Key: "sign-on, bare", Value: "rate", Unit: "/s"},
		{What: "1,000 sign-ons/s, bare: p99 from when it was due", Key: "sign-on at 1000/s, bare", Value: "p99", Unit: "ms"},
		{What: "sign-on by signed link, 2 workers on PostgreSQL", Key: "sign-on", Value: "rate", Unit: "/s", Against: "sign-on, bare"},
		{What: "1,000 sign-ons/s by signed link, 2 workers on PostgreSQL: p50 from when it was due", Key: "sign-on at 1000/s", Value: "p50", Unit: "ms"},
		{What: "1,000 sign-ons/s by signed link, 2 workers on PostgreSQL: p99 from when it was due", Key: "sign-on at 1000/s", Value: "p99", Unit: "ms", Target: 50, AtMost: true},
		{What: "console with 1,000,000 records, slowest page's median", Key: "pages", Value: "worstMedian", Unit: "ms", Target: 100, AtMost: true},
		{What: "console, heaviest first paint, as sent", Key: "pages", Value: "heaviest", Unit: "KB", Target: 300, AtMost: true},
		{What: "console, the same unpacked", Key: "pages", Value: "heaviestPlain", Unit: "KB"},
		{What: "console with 10,000 connections, slowest page's median", Key: "pages, many connections", Value: "worstMedian", Unit: "ms", Target: 100, AtMost: true},
		{What: "export of 1,000,000 records", Key: "bulk", Value: "exportPerSecond", Unit: "/s"},
		{What: "lists and numbers beside it, median", Key: "bulk", Value: "besideExport", Unit: "ms", Target: 100, AtMost: true},
		{What: "failed records sent again by filter", Key: "bulk", Value: "retriedPerSecond", Unit: "/s"},
		{What: "lists and numbers beside that, median", Key: "bulk", Value: "besideRetry", Unit: "ms", Target: 100, AtMost: true},
		{What: "cold make build", Key: "cold build", Value: "minutes", Unit: "min", Target: 3, AtMost: true},
	}
}
