#!/bin/bash
# Writes the settings, formats an empty volume, and starts the broker; as the official image, it goes on with a volume
# that is formatted already, for which the wrapper fails.
set -euo pipefail
export CLUSTER_ID=${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}
said=$(java -cp '/opt/kafka/libs/*' kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \
	--mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config 2>&1) \
	|| grep -qi 'already formatted' <<<"$said" || { echo "$said" >&2; exit 1; }
# shellcheck disable=SC2086 # several options
exec java ${KAFKA_HEAP_OPTS:--Xmx1G -Xms1G} -XX:+UseG1GC -Dkafka.logs.dir=/tmp -cp '/opt/kafka/libs/*' \
	kafka.Kafka /opt/kafka/config/server.properties
