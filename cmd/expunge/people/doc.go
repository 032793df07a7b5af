// Package people holds the people of the demo: a thousand invented ones, each with
// neighbours that look alike, and the systems in which they have a share. [All] are the
// people, [Create] makes the account store, [Systems] asks the systems themselves, past
// all participants, what is left of one person and whether anybody else was touched.
package people
