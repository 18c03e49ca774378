#!/bin/sh
# What quindex may do in Kafka, for an installation with the prefix `quindex`: one user for the ingress,
# one for workers and commands, one for `quindex setup`. ADMIN holds options such as
# "--bootstrap-server kafka:9092 --command-config admin.properties".
set -eu
add() { kafka-acls.sh ${ADMIN} --add "$@"; }

add --allow-principal User:quindex-ingress --operation Write --operation Describe --topic quindex.notifications
add --allow-principal User:quindex-ingress --operation Write --operation Describe --topic quindex.dead-letters
add --allow-principal User:quindex-ingress --operation Write --operation Describe --topic quindex.processes

add --allow-principal User:quindex-worker --operation Read --operation Write --operation Describe --operation DescribeConfigs --resource-pattern-type prefixed --topic quindex.
add --allow-principal User:quindex-worker --operation Read --operation Describe --resource-pattern-type prefixed --group quindex

add --allow-principal User:quindex-setup --operation Create --operation Alter --operation AlterConfigs --operation DescribeConfigs --operation Describe --operation Read --operation Write --resource-pattern-type prefixed --topic quindex.
