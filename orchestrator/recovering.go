package orchestrator

import "fmt"

// logOnBus is the number of a batch as messages carry it: above whatever is on the bus, also
// when the store is an old backup whose own numbers were used before.
func (o *Orchestrator) logOnBus(log uint64) uint64 { return log + o.ahead }

// issue is the Nats-Msg-Id of a message that is published for the first time: the number of
// its batch makes it one that was never used.
func (b *batch) issue(id string) string { return fmt.Sprintf("%s@%d", id, b.o.logOnBus(b.log)) }
