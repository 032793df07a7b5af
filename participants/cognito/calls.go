package cognito

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// user is an identity as the pool shows it. It is personal data.
type user struct {
	name, sub string
	enabled   bool
	links     []link // external identities that were linked to it
}

// link is an external identity. A primary one is the user itself, and goes with it.
type link struct {
	Provider string `json:"providerName"`
	Subject  string `json:"userId"`
	Primary  any    `json:"primary"`
}

// get returns a user by name; errNoUser when there is none. The caller must check whom it
// got: the vendor takes aliases for names.
func (p *Participant) get(ctx context.Context, name string) (user, error) {
	var out *cip.AdminGetUserOutput
	err := p.call(ctx, func(ctx context.Context) (err error) {
		out, err = p.api.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &p.config.Pool, Username: &name})
		return err
	})
	if err != nil {
		return user{}, err
	}
	u := user{name: aws.ToString(out.Username), enabled: out.Enabled}
	for _, attr := range out.UserAttributes {
		switch aws.ToString(attr.Name) {
		case "sub":
			u.sub = aws.ToString(attr.Value)
		case "identities":
			u.links, err = readLinks(aws.ToString(attr.Value))
		}
	}
	if err == nil && u.name == "" {
		err = errors.New("cognito: the answer holds no user name")
	}
	return u, err
}

// readLinks returns the external identities that are not the user itself.
func readLinks(text string) ([]link, error) {
	var all, linked []link
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, errors.New("cognito: the attribute identities cannot be read")
	}
	for _, l := range all {
		if l.Primary != true && l.Primary != "true" {
			linked = append(linked, l)
		}
	}
	return linked, nil
}

func (p *Participant) disable(ctx context.Context, u user) error {
	return p.call(ctx, func(ctx context.Context) error {
		_, err := p.api.AdminDisableUser(ctx, &cip.AdminDisableUserInput{UserPoolId: &p.config.Pool, Username: &u.name})
		return err
	})
}

func (p *Participant) enable(ctx context.Context, u user) error {
	return p.call(ctx, func(ctx context.Context) error {
		_, err := p.api.AdminEnableUser(ctx, &cip.AdminEnableUserInput{UserPoolId: &p.config.Pool, Username: &u.name})
		return err
	})
}

// signOut ends all sessions. It reports whether the service did so: one that does not
// support it may be tolerated.
func (p *Participant) signOut(ctx context.Context, u user) (done bool, err error) {
	err = p.call(ctx, func(ctx context.Context) error {
		_, err := p.api.AdminUserGlobalSignOut(ctx, &cip.AdminUserGlobalSignOutInput{UserPoolId: &p.config.Pool, Username: &u.name})
		return err
	})
	if errors.Is(err, errNoOperation) && p.config.AllowNoSignOut {
		return false, nil
	}
	return err == nil, err
}

// unlink separates an external identity from the user. It reports whether that was ours:
// one that is not linked any more is no error.
func (p *Participant) unlink(ctx context.Context, l link) (done bool, err error) {
	err = p.call(ctx, func(ctx context.Context) error {
		_, err := p.api.AdminDisableProviderForUser(ctx, &cip.AdminDisableProviderForUserInput{
			UserPoolId: &p.config.Pool,
			User: &types.ProviderUserIdentifierType{
				ProviderName:           &l.Provider,
				ProviderAttributeName:  aws.String("Cognito_Subject"),
				ProviderAttributeValue: &l.Subject,
			},
		})
		return err
	})
	if errors.Is(err, errNoUser) {
		return false, nil
	}
	return err == nil, err
}

func (p *Participant) delete(ctx context.Context, u user) error {
	return p.call(ctx, func(ctx context.Context) error {
		_, err := p.api.AdminDeleteUser(ctx, &cip.AdminDeleteUserInput{UserPoolId: &p.config.Pool, Username: &u.name})
		return err
	})
}

// call makes one request within the timeout.
func (p *Participant) call(ctx context.Context, f func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	return p.verbOf(ctx, f(limited))
}
