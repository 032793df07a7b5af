package stage

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Link is the way of one process to the bus: it can be cut, and it can be slow.
type Link struct {
	Name             string
	listen, upstream int // ports
	mu               sync.Mutex
	proxy            *toxiproxy.Proxy
}

func newLink(name string, listen, upstream int) *Link {
	l := &Link{Name: name, listen: listen, upstream: upstream}
	l.renew()
	return l
}

// renew makes a proxy without any trouble, which does not listen yet.
func (l *Link) renew() {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	l.proxy = toxiproxy.NewProxy(server, l.Name, fmt.Sprintf("127.0.0.1:%d", l.listen), fmt.Sprintf("127.0.0.1:%d", l.upstream))
}

// Cut ends all connections and takes no new ones.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proxy.Stop()
}

// Restore lets connections pass again, quickly; those that there were end. It makes a new proxy:
// one that is told to forget its troubles hangs for good when a connection just ends that had
// two of them, and nobody passes any more.
func (l *Link) Restore() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proxy.Stop()
	l.renew()
	return l.open()
}

// portPatience is how long a link waits for its port: while it was cut, the kernel may have
// lent the port to a connection of somebody else.
const portPatience = 30 * time.Second

func (l *Link) open() error {
	begun := time.Now()
	for {
		err := l.proxy.Start()
		if !errors.Is(err, syscall.EADDRINUSE) || time.Since(begun) > portPatience {
			return err
		}
		<-time.After(100 * time.Millisecond)
	}
}

// Slow delays what passes in both directions, as a bad line does.
func (l *Link) Slow(latency time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, way := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name":"slow-%s","type":"latency","stream":%q,"attributes":{"latency":%d,"jitter":%d}}`,
			way, way, latency.Milliseconds(), latency.Milliseconds()/2)
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			return err
		}
	}
	return nil
}

// Swallow lets connections stand and nothing pass, in the direction of the bus or from it:
// an answer is lost, and nobody is told.
func (l *Link) Swallow(way string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	toxic := fmt.Sprintf(`{"name":"swallow","type":"timeout","stream":%q,"attributes":{"timeout":0}}`, way)
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic))
	return err
}

// Close ends the link for good.
func (l *Link) Close() { l.Cut() }
