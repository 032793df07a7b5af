package config

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/expunge-io/expunge/participants/s3"
)

func (w *Worker) readS3(participant string, n node) {
	c := &s3.Config{}
	w.S3 = c
	var found bool
	f := fields{
		"realm":            word(&c.Realm),
		"region":           text(&c.Region),
		"endpoint":         text(&c.Endpoint),
		"path_style":       flag(&c.PathStyle),
		"access_key_id":    text(&c.AccessKeyID),
		"find_credentials": flag(&found),
		"delimiter":        text(&c.Delimiter),
		"timeout":          duration(&c.Timeout),
		"tls":              loadTLS(&c.TLS),
		"places": func(n node) {
			for _, element := range n.list() {
				c.Places = append(c.Places, readS3Place(participant, element))
			}
		},
	}
	secret(f, "secret_access_key", &c.SecretAccessKey)
	secret(f, "session_token", &c.SessionToken)
	before := len(n.r.faults)
	n.object(f)
	switch given := n.has("secret_access_key") || n.has("secret_access_key_file"); {
	case found && (given || n.has("access_key_id")):
		n.at("find_credentials").bad("an access key is given too")
	case found:
		c.Credentials = findCredentials(n)
	default:
		n.oneSecret("secret_access_key")
	}
	w.try(n, before)
}

func readS3Place(participant string, n node) (p s3.Place) {
	n.object(fields{
		"kind":   kindOf(participant, &p.Kind),
		"bucket": text(&p.Bucket),
		"prefix": text(&p.Prefix),
		"key":    text(&p.Key),
		"ground": text(&p.Ground),
	})
	return p
}

// findCredentials are those that AWS's own programs would use: of the environment, a profile,
// a web identity, a container or the machine. It reads files, and contacts nobody before a
// request is made.
func findCredentials(n node) aws.CredentialsProvider {
	c, err := awsconfig.LoadDefaultConfig(context.Background())
	if err != nil {
		n.at("find_credentials").bad("the environment, or a profile of AWS, cannot be read")
	}
	return c.Credentials
}
