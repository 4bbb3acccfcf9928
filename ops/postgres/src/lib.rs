//! The stores of a host that shares its data with others: Postgres.
