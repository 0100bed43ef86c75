<?php
// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls a SOAP service as kaltura/server does, with its NuSOAP 0.9.5: soap_client.php WSDL OPERATION NAME=VALUE...
// Prints {"result": ..., "error": "..." or false, "request": "the POST as it was sent"}.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_WARNING & ~E_NOTICE);

// It is made for PHP 5, whose constructors have the name of their class.
$source = file_get_contents('/usr/share/php/nusoap/nusoap.php');
preg_match_all('/^\s*class (\w+)/m', $source, $classes);
foreach ($classes[1] as $class) {
    $source = preg_replace("/function $class\\s*\\(/", 'function __construct(', $source);
    $source = preg_replace("/parent::$class\\s*\\(/", 'parent::__construct(', $source);
}
eval('?>' . $source);

$parameters = [];
foreach (array_slice($argv, 3) as $pair) {
    [$name, $value] = explode('=', $pair, 2);
    $parameters[$name] = $value;
}
$client = new nusoap_client($argv[1], 'wsdl');
$client->setCredentials('', '');
$result = $client->call($argv[2], $parameters, 'http://tempuri.org');
echo json_encode(['result' => $result, 'error' => $client->getError(), 'request' => $client->request]), "\n";
